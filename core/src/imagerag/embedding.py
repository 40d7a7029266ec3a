"""Embeddings of a collection's items: kept ones where there are, computed and kept otherwise.

For retrievers that search vectors. Pictures are read and decoded in threads while the encoder works
on those before: Pillow lets go of the interpreter while it decodes, and so does a model while it
computes. They come no larger than the encoder has use for, where it tells its `image_size`.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from imagerag.errors import CapabilityError, CollectionError, ImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from imagerag.collection import Collection
    from imagerag.roles import Encoder

BATCH_PIXELS = 64_000_000
"""A batch ends when its pictures have this many pixels: as RGB they take 200 MB."""

_MOST_THREADS = 8
"""More than this never decode at once: beyond it, memory grows and no encoder keeps up."""


class Embedder:
    """Embeds items with one encoder. `skipped` collects (id, reason) of images that failed."""

    def __init__(self, collection: Collection, encoder: Encoder, batch_size: int) -> None:
        """Read images from `collection`; encode at most `batch_size` of them at once."""
        self._collection = collection
        self._encoder = encoder
        self._batch_size = batch_size
        self.skipped: list[tuple[str, str]] = []

    def embed(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the embeddings of `ids`; those whose image is broken are left out.

        Those that are computed are kept in the collection batch by batch, so that an interrupted
        call leaves its finished work.
        """
        kept = self._collection.vectors(self._encoder.space, ids)
        missing = [one for one in dict.fromkeys(ids) if one not in kept]
        for names, images in self._batches(missing):
            vectors = checked(self._encoder.encode_images(images), len(images), self._encoder)
            self._collection.put_vectors(self._encoder.space, names, vectors)
            kept.update(zip(names, vectors, strict=True))
        return kept

    def _batches(self, ids: Sequence[str]) -> Iterator[tuple[list[str], list[Image]]]:
        names: list[str] = []
        images: list[Image] = []
        pixels = 0
        for identity, image in self._ahead(ids):
            size = image.width * image.height
            if images and (len(images) == self._batch_size or pixels + size > BATCH_PIXELS):
                yield names, images
                names, images, pixels = [], [], 0
            names.append(identity)
            images.append(image)
            pixels += size
        if images:
            yield names, images

    def _ahead(self, ids: Sequence[str]) -> Iterator[tuple[str, Image]]:
        """Yield the pictures that can be read, in order, with the next ones decoding meanwhile."""
        if not ids:
            return
        waiting: deque[tuple[str, Future[Image]]] = deque()
        threads = min(_MOST_THREADS, os.cpu_count() or 1)
        size = self._encoder.image_size
        # Whole pictures can be large: then only as many wait as there are threads.
        ahead = threads + 1 if size is None else max(self._batch_size, 2 * threads)
        pool = ThreadPoolExecutor(threads, "decode")
        try:
            for identity in ids:
                image = pool.submit(self._collection.image, identity, image_size=size)
                waiting.append((identity, image))
                if len(waiting) > ahead:
                    yield from self._read(*waiting.popleft())
            while waiting:
                yield from self._read(*waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)

    def _read(self, identity: str, image: Future[Image]) -> Iterator[tuple[str, Image]]:
        try:
            yield identity, image.result()
        except (ImageError, CollectionError) as error:
            # One that was removed meanwhile is no trouble: its removal is the next change.
            if self._collection.has(identity):
                self.skipped.append((identity, str(error)))


def checked(vectors: NDArray[np.float32], count: int, encoder: Encoder) -> NDArray[np.float32]:
    """Return `vectors` as float32, after checking that they are `count` unit vectors.

    Raises `CapabilityError` for another shape than (count, encoder.dim), values that are not finite
    and lengths that are not 1.
    """
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
