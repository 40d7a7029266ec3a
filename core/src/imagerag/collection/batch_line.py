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

SHOWN = 64
"""Pictures that an encoder gets at once."""

LOTS = 2
"""Most such lots that wait for the encoder: were decoding far ahead of it, its cores would have
nothing to do at the end."""


class BatchLine:
    """Writes batches in the order in which they come, and encodes their pictures, in two threads.

    The pictures of a batch go to the encoder while the batch is still filled. Leaving the context
    waits for both threads, and raises the first error. After a batch that could not be written no
    other is written, and after a picture that could not be encoded none is.
    """

    def __init__(self, writer: BatchWriter, vectors: VectorShelf, encoder: Encoder | None) -> None:
        """Write with `writer`; keep what an `encoder` makes of pictures in `vectors`."""
        self._writer = writer
        self._vectors = vectors
        self._encoder = encoder
        self._writing = ThreadPoolExecutor(1, "write")
        self._encoding = ThreadPoolExecutor(1, "encode")
        self._places = threading.Semaphore(UNDER_WAY)
        self._lots = threading.Semaphore(LOTS)
        self._lot: list[tuple[str, Image]] = []
        self._encoded: list[tuple[list[str], Future[Vectors]]] = []
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

    def show(self, one: Checked) -> None:
        """Have a picture of the next batch encoded; waits for an encoder that is behind."""
        if one.image is not None:
            self._lot.append((one.item.id, one.image))
            if len(self._lot) >= SHOWN:
                self._encode_lot()

    def put(self, batch: Sequence[Checked], refused: Refusals) -> None:
        """Hand over a batch, with what was refused meanwhile; waits while enough are under way."""
        self._encode_lot()
        self._places.acquire()
        encoded, self._encoded = self._encoded, []
        self._writing.submit(self._write, batch, refused, last=not encoded)
        if encoded:
            # Written first: only items that are there get vectors. The last lot is encoded last.
            encoded[-1][1].add_done_callback(lambda _: self._writing.submit(self._keep, encoded))

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

    def _encode_lot(self) -> None:
        if self._lot and self._trouble is None:
            self._lots.acquire()
            ids, images = [one for one, _ in self._lot], [image for _, image in self._lot]
            self._encoded.append((ids, self._encoding.submit(self._encode, images)))
        self._lot = []

    def _encode(self, images: Sequence[Image]) -> Vectors:
        assert self._encoder is not None
        try:
            return checked(self._encoder.encode_images(images), len(images), self._encoder)
        except BaseException as error:
            self._trouble = self._trouble or error
            raise
        finally:
            self._lots.release()

    def _keep(self, encoded: Sequence[tuple[list[str], Future[Vectors]]]) -> None:
        import numpy as np

        assert self._encoder is not None
        try:
            ids = [one for some, _ in encoded for one in some]
            vectors = np.concatenate([lot.result() for _, lot in encoded])
            self._vectors.put(self._encoder.space, ids, vectors)
        except BaseException as error:
            self._trouble = self._trouble or error
        finally:
            self._places.release()
