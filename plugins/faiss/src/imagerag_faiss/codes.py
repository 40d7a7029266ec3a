"""The codes of an index's rows, scanned by faiss's fast-scan: they name rows worth scoring.

A vector of 512 dimensions becomes 256 numbers of 4 bits. faiss keeps 32 codes interleaved, so that
one instruction looks up a number of all 32; files hold codes as faiss has them in memory. They
cannot be scanned in the mapped file, since faiss wants memory of its own: it is read at the first
question.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar

from imagerag_faiss.codebook import SAMPLE, Codebook, padded
from imagerag_faiss.config import FINE, FaissConfig
from imagerag_faiss.threads import limited
from imagerag_vectors.code import Code
from imagerag_vectors.files import FileEntry, new_name, write_file
from imagerag_vectors.manifest import CodeEntry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from imagerag_vectors.store import VectorStore

CHUNK = 65_536
"""Rows of a full file of codes. Only the last file is written anew when rows are added."""

OUTGROWN = 4
"""A codebook is trained anew when there are this many times as many rows as it was trained for."""

MOST = 65_536
"""Rows that are named for the sake of recall at most: their vectors are copied to be scored."""

LAYOUT = 1
"""To be raised with any change of what is in the files, or of how dimensions decide it."""

_ENCODE = 8_192
_TOGETHER = 32


class FastScanCode(Code):
    """Names the rows whose codes are nearest to a query."""

    kind: ClassVar[str] = "pq"

    def __init__(self, config: FaissConfig) -> None:
        """Take the options."""
        self._config = config
        self._lock = threading.Lock()
        self._index: Any = None

    def shape(self) -> dict[str, Any]:
        """Return what the codes depend on, besides the dimensions."""
        return {"code_dims": self._config.code_dims, "layout": LAYOUT}

    def extend(self, store: VectorStore, old: CodeEntry | None) -> CodeEntry:
        """Encode the rows that are new; all of them with a new codebook, where they are many."""
        book = None if old is None else self._book(store, old)
        if book is None or old is None or store.rows >= OUTGROWN * book.trained_on:
            book, old = self._trained(store), None
            name = store.folder / f"codebook-{new_name()}.f32"
            files = [write_file(name, book.pack())]
        else:
            files = list(old.files[: 1 + old.rows // CHUNK])
        for start in range((len(files) - 1) * CHUNK, store.rows, CHUNK):
            index = book.index()
            if old is not None and old.rows > start:
                _load(index, [(old.files[-1], old.files[-1].map(store.folder))], old.rows - start)
            for vectors in _blocks(store, start + index.ntotal, min(start + CHUNK, store.rows)):
                index.add(padded(vectors, book.code_dims))
            files.append(write_file(store.folder / f"codes-{new_name()}.pq4", _codes(index)))
        return CodeEntry(self.kind, self.shape(), store.rows, tuple(files))

    def open(self, store: VectorStore, entry: CodeEntry) -> None:
        """Map the files."""
        self._store, self._entry = store, entry
        self._maps = [(one, one.map(store.folder)) for one in entry.files]

    def candidates(
        self, queries: NDArray[np.float32], count: int, threads: int
    ) -> Sequence[NDArray[np.int64]]:
        """Return `rescored` times as many rows as are wanted, while that is not very many."""
        with self._lock:
            if self._index is None:
                index = self._book(self._store, self._entry).index()
                _load(index, self._maps[1:], self._entry.rows)
                self._index, self._maps = index, []
        wanted = max(min(count * self._config.rescored, MOST), count)
        wanted = min(wanted, self._entry.rows)
        with limited(threads):
            _, rows = self._index.search(padded(queries, self._code_dims(queries.shape[1])), wanted)
        return [found[found >= 0] for found in rows]

    def _book(self, store: VectorStore, entry: CodeEntry) -> Codebook:
        contents = entry.files[0].map(store.folder)
        entry.files[0].check_contents(contents)
        dim = store.manifest.dim
        return Codebook.unpack(dim, self._code_dims(dim), contents)

    def _trained(self, store: VectorStore) -> Codebook:
        import numpy as np

        rows = np.linspace(0, store.rows - 1, min(SAMPLE, store.rows)).astype(np.int64)
        sample = store.take(rows)[0].astype(np.float32)
        dim = store.manifest.dim
        return Codebook.train(dim, self._code_dims(dim), store.rows, sample)

    def _code_dims(self, dim: int) -> int:
        return self._config.code_dims or (1 if dim <= FINE else 2)


def _blocks(store: VectorStore, start: int, end: int) -> Iterator[NDArray[np.float32]]:
    """Yield the vectors of some rows, some thousand at a time."""
    import numpy as np

    for first in range(start, end, _ENCODE):
        rows = np.arange(first, min(first + _ENCODE, end))
        yield store.take(rows)[0].astype(np.float32)


def _codes(index: Any) -> bytes:
    import faiss

    return faiss.AlignedTable_to_array(index.codes).tobytes()


def _load(index: Any, files: Sequence[tuple[FileEntry, Any]], rows: int) -> None:
    """Give an index without rows the codes of `rows` rows, after checking them.

    Raises `DamagedIndexError` where a file is not what was written.
    """
    import faiss
    import numpy as np

    size = sum(entry.size for entry, _ in files)
    whole = -(-rows // _TOGETHER) * _TOGETHER
    index.codes.resize(size)
    memory = faiss.rev_swig_ptr(index.codes.get(), size)
    start = 0
    for entry, contents in files:
        entry.check_contents(contents)
        memory[start : start + entry.size] = np.frombuffer(contents, dtype=np.uint8)
        start += entry.size
    index.ntotal, index.ntotal2 = rows, whole
