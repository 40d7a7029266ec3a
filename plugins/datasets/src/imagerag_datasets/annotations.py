"""Which category each image was given: 16 bytes an image, however many there are."""

from __future__ import annotations

from array import array

import numpy as np


class Annotated:
    """A map from image to category, from two arrays of 64-bit numbers side by side."""

    def __init__(self, images: array[int], categories: array[int]) -> None:
        """Sort the pairs by image; of several for one image, the first one counts."""
        self._images = np.frombuffer(images, np.int64) if images else np.empty(0, np.int64)
        self._categories = (
            np.frombuffer(categories, np.int64) if categories else np.empty(0, np.int64)
        )
        if len(self._images) > 1 and not bool((np.diff(self._images) > 0).all()):
            order = np.argsort(self._images, kind="stable")
            self._images, self._categories = self._images[order], self._categories[order]

    def category(self, image: int) -> int | None:
        """Return the category of an image, None where it has none."""
        at = int(np.searchsorted(self._images, image))
        if at < len(self._images) and self._images[at] == image:
            return int(self._categories[at])
        return None
