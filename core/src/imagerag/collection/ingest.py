"""Taking images into a collection: threads check, a batch is written, an encoder runs beside both.

What is written does not wait for the encoder: embeddings can always be computed again.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field

from imagerag.collection.batch_line import BatchLine
from imagerag.collection.batch_writer import BatchWriter
from imagerag.collection.catalogue import Catalogue
from imagerag.collection.checking import Checked, Checker, Refused
from imagerag.collection.files import ImageFiles
from imagerag.collection.reports import AddReport
from imagerag.collection.vectors import VectorShelf
from imagerag.roles import Encoder, Found

Progress = Callable[[str, int, int], None]

BATCH_ITEMS = 256
BATCH_BYTES = 32_000_000
BATCH_PIXELS = 32_000_000
"""A batch is written when it holds this much: what a crash can cost, and what memory it takes.
Beside the one that is filled, two are under way."""

MOST_THREADS = 8

GROUP_ITEMS = 8
GROUP_BYTES = 4_000_000
"""A thread checks this much at a time: to be woken for every single image takes half its time."""


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
        writer = BatchWriter(catalogue, files, allow_purged=allow_purged)
        self._line = BatchLine(writer, VectorShelf(catalogue), encoder)
        # One more than cores: while one waits for a place at the decoders, it has read already.
        self._threads = min(MOST_THREADS, os.cpu_count() or 1) + 1
        # Whole pictures can be large: then only as many wait as there are threads.
        whole = encoder is not None and encoder.image_size is None
        self._group_items = 1 if whole else GROUP_ITEMS
        self._seen: set[bytes] = set()
        self._duplicates = 0
        self._batch = _Batch()
        self._refused: list[tuple[str, str]] = []

    def run(self, found: Iterable[Found], progress: Progress | None) -> AddReport:
        """Take every image that can be taken, and say what came of each."""
        with self._checker, self._line:
            try:
                with closing(self._answers(found)) as answers:
                    for done, one in enumerate(answers, start=1):
                        self._take(one)
                        if self._batch.full:
                            self._hand_over()
                            self._line.check()
                        if progress is not None:
                            progress("add", done, 0)
            finally:
                # Also when interrupted: what has been checked is finished work.
                self._hand_over()
        return self._line.report(self._duplicates)

    def _answers(self, found: Iterable[Found]) -> Generator[Checked | Refused, None, None]:
        """Yield what became of each image, in order, with the next ones being checked meanwhile."""
        waiting: deque[Future[list[Checked | Refused]]] = deque()
        end: BaseException | None = None
        source = iter(found)
        pool = ThreadPoolExecutor(self._threads, "check")
        try:
            while end is None:
                group, end = self._group(source)
                if group:
                    waiting.append(pool.submit(self._checker.check, group))
                while waiting and (
                    end is not None or len(waiting) > self._threads + 1 or waiting[0].done()
                ):
                    yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
        if not isinstance(end, StopIteration):
            raise end

    def _group(self, source: Iterator[Found]) -> tuple[list[Found], BaseException | None]:
        """Return the next images, and why there will be no more.

        What the source found before it failed is taken all the same.
        """
        group: list[Found] = []
        size = 0
        while len(group) < self._group_items and size < GROUP_BYTES:
            try:
                one = next(source)
            except BaseException as error:
                return group, error
            group.append(one)
            size += _size(one)
        return group, None

    def _take(self, one: Checked | Refused) -> None:
        if isinstance(one, Refused):
            self._refused.append((one.name, one.reason))
            return
        digest = bytes.fromhex(one.item.id)
        if digest in self._seen:
            self._duplicates += 1
            return
        self._seen.add(digest)
        self._batch.put(one)
        self._line.show(one)

    def _hand_over(self) -> None:
        self._line.put(self._batch.items, self._refused)
        self._batch, self._refused = _Batch(), []


def _size(found: Found) -> int:
    """Return how many bytes an image will take in memory, about."""
    if found.data is not None:
        return len(found.data)
    with suppress(OSError, ValueError):
        return 0 if found.path is None else found.path.stat().st_size
    return 0
