"""Image vectors of a collection's items, in one model's space: kept ones first, else computed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from imagerag.errors import CollectionError, ImageError, SpaceMismatchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from imagerag.collection import Collection
    from imagerag.roles import Vectors

log = logging.getLogger(__name__)


class Candidates:
    """Gives vectors of items, whichever retriever found them.

    A retriever that indexed the same space has left its vectors with the collection; what is
    computed here is left there too, so that no picture passes through the model twice.

    Args:
        collection: Where the pictures are, and their vectors are kept.
        space: The model's space.
        encode: Pictures to unit vectors, called only for those without a kept vector.
        batch_size: Pictures held in memory at once.
    """

    def __init__(
        self,
        collection: Collection,
        space: str,
        encode: Callable[[Sequence[Image]], Vectors],
        batch_size: int,
    ) -> None:
        self._collection = collection
        self._space = space
        self._encode = encode
        self._batch_size = batch_size

    def vectors(self, ids: Sequence[str]) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
        """Return the vectors of `ids` by id, and why the others have none, by id.

        An item without a picture has none, even where a vector of it was kept: nobody could use
        it as a reference.
        """
        there = list(dict.fromkeys(ids))
        unread = {one: reason for one in there if (reason := self._absent(one))}
        there = [one for one in there if one not in unread]
        found = self._collection.vectors(self._space, there)
        new = [one for one in there if one not in found]
        for start in range(0, len(new), self._batch_size):
            self._compute(new[start : start + self._batch_size], found, unread)
        return found, unread

    def _absent(self, identity: str) -> str:
        try:
            path = self._collection.file(identity)
        except CollectionError as error:
            return str(error)
        return "" if path.is_file() else f"The image file {str(path)!r} is gone."

    def _compute(
        self, ids: Sequence[str], found: dict[str, NDArray[np.float32]], unread: dict[str, str]
    ) -> None:
        images: list[Image] = []
        readable: list[str] = []
        for identity in ids:
            try:
                images.append(self._collection.image(identity))
                readable.append(identity)
            except (CollectionError, ImageError) as error:
                unread[identity] = str(error)
        if not images:
            return
        vectors = self._encode(images)
        found.update(zip(readable, vectors, strict=True))
        try:
            self._collection.put_vectors(self._space, readable, vectors)
        except SpaceMismatchError:
            raise
        except CollectionError as error:
            # A collection that cannot be written to can still be ranked.
            log.warning("Vectors of %d images were not kept: %s", len(readable), error)
