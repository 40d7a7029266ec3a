"""Taking images into a collection: threads check, a batch is written, an encoder runs beside both.

While the encoder works on one batch, its items are written and the pictures of the next are
decoded. What is written does not wait for the encoder: embeddings can always be computed again.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from imagerag.collection.batch_writer import BatchWriter
from imagerag.collection.catalogue import Catalogue
from imagerag.collection.checking import Checked, Checker, Refused
from imagerag.collection.files import ImageFiles
from imagerag.collection.reports import AddReport
from imagerag.collection.vectors import VectorShelf
from imagerag.embedding import checked
from imagerag.roles import Encoder, Found

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

Progress = Callable[[str, int, int], None]

BATCH_ITEMS = 128
BATCH_BYTES = 32_000_000
BATCH_PIXELS = 64_000_000
"""A batch is written when it holds this much: what a crash can cost, and what memory it takes."""

MOST_THREADS = 8


@dataclass
class _Batch:
    items: list[Checked] = field(default_factory=list)
    size: int = 0
    pixels: int = 0

    def put(self, one: Checked) -> None:
        self.items.append(one)
        self.size += len(one.data or b"")
        self.pixels += 0 if one.image is None else one.image.width * one.image.height

    @property
    def full(self) -> bool:
        return (
            len(self.items) >= BATCH_ITEMS
            or self.size >= BATCH_BYTES
            or self.pixels >= BATCH_PIXELS
        )


class Ingest:
    """One call of `Collection.add`."""

    def __init__(
        self,
        catalogue: Catalogue,
        files: ImageFiles,
        *,
        private: bool = False,
        allow_purged: bool = False,
        encoder: Encoder | None = None,
        isolated: bool = True,
    ) -> None:
        """Write into `catalogue` and `files`; the options are those of `Collection.add`."""
        self._checker = Checker(
            catalogue, files, private=private, encoder=encoder, isolated=isolated
        )
        self._writer = BatchWriter(catalogue, files, allow_purged=allow_purged)
        self._vectors = VectorShelf(catalogue)
        self._encoder = encoder
        self._threads = min(MOST_THREADS, os.cpu_count() or 1)
        whole = encoder is not None and encoder.image_size is None
        # Whole pictures can be large: then only as many wait as there are threads.
        self._ahead = self._threads + 1 if whole else 8 * self._threads
        self._seen: set[bytes] = set()
        self._batch = _Batch()
        self._report = AddReport()
        self._skipped: list[tuple[str, str]] = []

    def run(self, found: Iterable[Found], progress: Progress | None) -> AddReport:
        """Take every image that can be taken, and say what came of each."""
        with ThreadPoolExecutor(1, "encode") as encoding:
            # The batch that the encoder works on, and its vectors once they are there.
            under_way: deque[tuple[list[str], Future[NDArray[np.float32]]]] = deque()

            def write() -> None:
                batch, self._batch = self._batch.items, _Batch()
                shown = [(one.item.id, one.image) for one in batch if one.image is not None]
                if shown:
                    images = [image for _, image in shown]
                    ids = [identity for identity, _ in shown]
                    under_way.append((ids, encoding.submit(self._encode, images)))
                if batch:
                    self._write(batch)
                while len(under_way) > 1:
                    self._keep(*under_way.popleft())

            try:
                with closing(self._answers(found)) as answers:
                    for done, one in enumerate(answers, start=1):
                        self._take(one)
                        if self._batch.full:
                            write()
                        if progress is not None:
                            progress("add", done, 0)
            finally:
                # Also when interrupted: what has been checked is finished work.
                write()
                while under_way:
                    self._keep(*under_way.popleft())
        return replace(self._report, skipped=tuple(self._skipped))

    def _answers(self, found: Iterable[Found]) -> Generator[Checked | Refused, None, None]:
        """Yield what became of each image, in order, with the next ones being checked meanwhile."""
        waiting: deque[Future[Checked | Refused]] = deque()
        trouble: BaseException | None = None
        source = iter(found)
        pool = ThreadPoolExecutor(self._threads, "check")
        try:
            while True:
                try:
                    one = next(source, None)
                except BaseException as error:
                    # What the source found before it failed is taken all the same.
                    trouble, one = error, None
                if one is not None:
                    waiting.append(pool.submit(self._checker.check, one))
                while waiting and (one is None or len(waiting) > self._ahead or waiting[0].done()):
                    yield waiting.popleft().result()
                if trouble is not None:
                    raise trouble
                if one is None:
                    return
        finally:
            pool.shutdown(cancel_futures=True)

    def _take(self, one: Checked | Refused) -> None:
        if isinstance(one, Refused):
            self._skipped.append((one.name, one.reason))
            return
        digest = bytes.fromhex(one.item.id)
        if digest in self._seen:
            self._report = replace(self._report, duplicates=self._report.duplicates + 1)
            return
        self._seen.add(digest)
        self._batch.put(one)

    def _write(self, batch: list[Checked]) -> None:
        written = self._writer.write(batch)
        self._skipped.extend(written.skipped)
        self._report = replace(
            self._report,
            added=self._report.added + written.added,
            updated=self._report.updated + written.updated,
            unchanged=self._report.unchanged + written.unchanged,
            near=self._report.near + written.near,
        )

    def _encode(self, images: list[Image]) -> NDArray[np.float32]:
        assert self._encoder is not None
        return checked(self._encoder.encode_images(images), len(images), self._encoder)

    def _keep(self, ids: list[str], vectors: Future[NDArray[np.float32]]) -> None:
        assert self._encoder is not None
        self._vectors.put(self._encoder.space, ids, vectors.result())
