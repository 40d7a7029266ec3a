"""Full batches on their way into a collection: one is written, one encoded, the next is filled."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias

from imagerag.collection.batch_writer import BatchWriter, Written
from imagerag.collection.checking import Checked
from imagerag.collection.reports import AddReport
from imagerag.collection.vectors import VectorShelf
from imagerag.embedding import checked
from imagerag.roles import Encoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Vectors: TypeAlias = NDArray[np.float32]

Refusals: TypeAlias = Sequence[tuple[str, str]]

UNDER_WAY = 2
"""Most batches that are handed over and not yet both written and encoded."""


class BatchLine:
    """Writes batches in the order in which they come, and encodes their pictures, in two threads.

    Leaving the context waits for both, and raises the first error. After a batch that could not be
    written no other is, and after one that could not be encoded no other is encoded.
    """

    def __init__(self, writer: BatchWriter, vectors: VectorShelf, encoder: Encoder | None) -> None:
        """Write with `writer`; keep what an `encoder` makes of pictures in `vectors`."""
        self._writer = writer
        self._vectors = vectors
        self._encoder = encoder
        self._writing = ThreadPoolExecutor(1, "write")
        self._encoding = ThreadPoolExecutor(1, "encode")
        self._places = threading.Semaphore(UNDER_WAY)
        self._written: list[Written] = []
        self._trouble: BaseException | None = None
        self._unwritten = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # In this order: what was encoded is handed to the thread that writes.
        self._encoding.shutdown()
        self._writing.shutdown()
        if error is None:
            self.check()

    def check(self) -> None:
        """Raise the first error there was."""
        if self._trouble is not None:
            raise self._trouble

    def put(self, batch: Sequence[Checked], refused: Refusals) -> None:
        """Hand over a batch, with what was refused meanwhile; waits while enough are under way."""
        self._places.acquire()
        shown = [(one.item.id, one.image) for one in batch if one.image is not None]
        encoded = bool(shown) and self._trouble is None
        self._writing.submit(self._write, batch, refused, last=not encoded)
        if encoded:
            ids = [identity for identity, _ in shown]
            vectors = self._encoding.submit(self._encode, [image for _, image in shown])
            # Written first: only items that are there get vectors.
            vectors.add_done_callback(lambda done: self._writing.submit(self._keep, ids, done))

    def report(self, duplicates: int) -> AddReport:
        """Say what came of all batches."""
        written = self._written
        return AddReport(
            added=sum(one.added for one in written),
            updated=sum(one.updated for one in written),
            unchanged=sum(one.unchanged for one in written),
            duplicates=duplicates,
            skipped=tuple(skipped for one in written for skipped in one.skipped),
            near=sum(one.near for one in written),
        )

    def _write(self, batch: Sequence[Checked], refused: Refusals, *, last: bool) -> None:
        try:
            self._written.append(Written(skipped=tuple(refused)))
            if batch and not self._unwritten:
                self._written.append(self._writer.write(batch))
        except BaseException as error:
            self._trouble = self._trouble or error
            self._unwritten = True
        finally:
            if last:
                self._places.release()

    def _encode(self, images: Sequence[Image]) -> Vectors:
        assert self._encoder is not None
        return checked(self._encoder.encode_images(images), len(images), self._encoder)

    def _keep(self, ids: Sequence[str], vectors: Future[Vectors]) -> None:
        assert self._encoder is not None
        try:
            self._vectors.put(self._encoder.space, ids, vectors.result())
        except BaseException as error:
            self._trouble = self._trouble or error
        finally:
            self._places.release()
