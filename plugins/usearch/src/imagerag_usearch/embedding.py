"""Embeddings of a collection's items: kept ones where there are, computed and kept otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imagerag.errors import CapabilityError, CollectionError, ImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from imagerag.collection import Collection
    from imagerag.roles import Encoder


class Embedder:
    """Embeds items with one encoder. `skipped` collects (id, reason) of images that failed."""

    def __init__(self, collection: Collection, encoder: Encoder, batch_size: int) -> None:
        """Read images from `collection`, `batch_size` at a time."""
        self._collection = collection
        self._encoder = encoder
        self._batch_size = batch_size
        self.skipped: list[tuple[str, str]] = []

    def embed(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the embeddings of `ids`; those whose image is broken are left out."""
        kept = self._collection.vectors(self._encoder.space, ids)
        missing = [one for one in ids if one not in kept]
        for start in range(0, len(missing), self._batch_size):
            kept.update(self._compute(missing[start : start + self._batch_size]))
        return kept

    def _compute(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        images: list[Image] = []
        readable: list[str] = []
        for identity in ids:
            try:
                images.append(self._collection.image(identity))
                readable.append(identity)
            except (ImageError, CollectionError) as error:
                # One that was removed meanwhile is no trouble: its removal is the next change.
                if self._collection.has(identity):
                    self.skipped.append((identity, str(error)))
        if not images:
            return {}
        vectors = checked(self._encoder.encode_images(images), len(images), self._encoder)
        self._collection.put_vectors(self._encoder.space, readable, vectors)
        return dict(zip(readable, vectors, strict=True))


def checked(vectors: NDArray[np.float32], count: int, encoder: Encoder) -> NDArray[np.float32]:
    """Return `vectors` as float32, after checking that they are `count` unit vectors."""
    import numpy as np

    matrix = np.ascontiguousarray(vectors, dtype=np.float32)
    if matrix.shape != (count, encoder.dim):
        raise CapabilityError(
            f"The encoder {type(encoder).__name__!r} returned an array of shape {matrix.shape} "
            f"for {count} inputs of {encoder.dim} dimensions. Check its configuration: "
            "imagerag doctor"
        )
    norms = np.linalg.norm(matrix, axis=1)
    if not np.isfinite(norms).all() or (np.abs(norms - 1.0) > 0.01).any():
        raise CapabilityError(
            f"The encoder {type(encoder).__name__!r} returned vectors that are not of unit length. "
            "Check its weights: imagerag doctor"
        )
    return matrix
