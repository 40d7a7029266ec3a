"""Short codes of all rows, scanned from end to end; they choose candidates, scored exactly.

The files are one basis and one file of codes for each addition, small ones merged when there are
many. Nothing is linked or clustered, so additions cost what they hold, and removals nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imagerag_usearch.basis import BITS, PLANE_WEIGHTS, PLANES, Basis, directions
from imagerag_vectors import (
    Code,
    CodeEntry,
    DamagedIndexError,
    FileEntry,
    VectorStore,
    new_name,
    write_file,
)
from imagerag_vectors.best import largest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE = 20_000
"""Rows that the basis is made of, evenly spread."""

GROWTH = 4
"""All is coded anew when there are this many times as many rows as the basis was made of."""

SMALL, SMALL_PARTS = 16_384, 8
"""Parts of fewer rows are merged when there are more of them than this."""

BASE, PER_HIT = 600, 12
"""Candidates are `BASE + PER_HIT × count`: measured, see docs/how-to/choose-an-index.md."""

_ENCODE, _SCAN = 4_096, 16_384
_FACTOR_BYTES = 4


class Coded(Code):
    """Two bits along half as many directions as there are dimensions, and a factor a row."""

    kind = "coded"

    def __init__(self) -> None:
        """Start without files."""
        self._lock = threading.Lock()
        self._checked = False

    def shape(self) -> dict[str, Any]:
        """Return how codes are made; the number of directions follows from the dimensions."""
        return {"bits": BITS, "turn": 1}

    def extend(self, store: VectorStore, old: CodeEntry | None) -> CodeEntry:
        """Code the rows that came since `old`, or all where the basis is of too few rows."""
        files: list[FileEntry] = []
        done = 0
        basis = None
        if old is not None:
            numbers = _numbers(old.files[0], store)
            if int(numbers[0]) * GROWTH >= store.rows:
                basis = Basis.from_numbers(numbers[1:], store.manifest.dim)
                files, done = list(old.files), old.rows
        if basis is None:
            basis, head = _new_basis(store)
            files = [write_file(store.folder / f"basis-{new_name()}.f32", head)]
        if done < store.rows:
            bits, factors = _encoded(store, basis, done)
            files.append(_write_part(store, bits, factors))
        files = [files[0], *_merged(store, files[1:], basis.row_bytes)]
        return CodeEntry(self.kind, self.shape(), store.rows, tuple(files))

    def open(self, store: VectorStore, entry: CodeEntry) -> None:
        """Map the files; they are read through before the first scan."""
        import numpy as np

        self._store, self._entry = store, entry
        self._raw = [one.map(store.folder) for one in entry.files]
        dim = store.manifest.dim
        row = _row_bytes(dim)
        self._parts = [_split(raw, row) for raw in self._raw[1:]]
        wanted = 4 * (1 + dim + dim * directions(dim) + directions(dim))
        if entry.files[0].size != wanted or sum(len(b) for b, _ in self._parts) != entry.rows:
            raise DamagedIndexError("the codes are not those of the rows")
        self._dead = np.flatnonzero(store.dead[: entry.rows])

    def candidates(
        self, queries: NDArray[np.float32], count: int, threads: int
    ) -> Sequence[NDArray[np.int64]]:
        """Return the rows whose estimates are best, some hundreds more than `count`."""
        import numpy as np

        basis = self._believed()
        found = []
        for query in queries:
            estimates = self._estimates(basis, query)
            estimates[self._dead] = -np.inf
            found.append(largest(estimates, BASE + PER_HIT * count))
        return found

    def _believed(self) -> Basis:
        """Return the basis, after checking all files once."""
        import numpy as np

        with self._lock:
            if not self._checked:
                for entry, raw in zip(self._entry.files, self._raw, strict=True):
                    entry.check_contents(raw)
                self._checked = True
        numbers = np.frombuffer(self._raw[0], dtype="<f4")
        return Basis.from_numbers(numbers[1:], self._store.manifest.dim)

    def _estimates(self, basis: Basis, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what each row's cosine with the query is about, up to a constant."""
        import numkong
        import numpy as np

        asked = basis.planes(query)
        packed = numkong.dots_pack(asked.planes, dtype="uint1")
        weights = np.array(PLANE_WEIGHTS, dtype=np.float32) * np.float32(asked.scale)
        estimates = np.empty(self._entry.rows, dtype=np.float32)
        # Used again for each block: fresh memory would cost as much as what is done in it.
        counts = numkong.zeros((_SCAN, PLANES), dtype="uint32")
        shared = np.empty((_SCAN, PLANES), dtype=np.float32)
        start = 0
        for bits, factors in self._parts:
            for first in range(0, len(bits), _SCAN):
                block = bits[first : first + _SCAN]
                count = len(block)
                here = estimates[start + first : start + first + count]
                if count == _SCAN:
                    numkong.dots_packed(block, packed, out=counts)
                    shared[...] = np.asarray(counts)
                else:
                    shared[:count] = np.asarray(numkong.dots_packed(block, packed))
                np.matmul(shared[:count], weights, out=here)
                here += np.float32(asked.shift)
                here *= factors[first : first + _SCAN]
            start += len(bits)
        return estimates


def _row_bytes(dim: int) -> int:
    return -(-BITS * directions(dim) // 8)


def _split(raw: Any, row_bytes: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the bits and the factors of a file of codes."""
    import numpy as np

    rows, rest = divmod(len(raw), row_bytes + _FACTOR_BYTES)
    if rest:
        raise DamagedIndexError("a file of codes ends within a row")
    bits = np.frombuffer(raw, dtype=np.uint8, count=rows * row_bytes).reshape(rows, row_bytes)
    return bits, np.frombuffer(raw, dtype="<f4", offset=rows * row_bytes)


def _numbers(entry: FileEntry, store: VectorStore) -> NDArray[np.float32]:
    import numpy as np

    raw = entry.map(store.folder)
    entry.check_contents(raw)
    return np.frombuffer(raw, dtype="<f4")


def _new_basis(store: VectorStore) -> tuple[Basis, bytes]:
    """Make a basis of the store's rows, and the file that keeps it: their number comes first."""
    import numpy as np

    rows = np.unique(np.linspace(0, store.rows - 1, min(SAMPLE, store.rows)).astype(np.int64))
    basis = Basis.of(store.take(rows)[0].astype(np.float32))
    return basis, np.concatenate([[store.rows], basis.numbers()]).astype("<f4").tobytes()


def _encoded(
    store: VectorStore, basis: Basis, done: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return bits and factors of the store's rows from `done` on."""
    import numpy as np

    bits = np.empty((store.rows - done, basis.row_bytes), dtype=np.uint8)
    factors = np.empty(store.rows - done, dtype="<f4")
    start = 0
    for number, matrix in enumerate(store.matrices):
        for first in range(max(done - start, 0), len(matrix), _ENCODE):
            store.check_segment(number)
            block = matrix[first : first + _ENCODE]
            at = start + first - done
            bits[at : at + len(block)], factors[at : at + len(block)] = basis.encode(block)
        start += len(matrix)
    return bits, factors


def _write_part(
    store: VectorStore, bits: NDArray[np.uint8], factors: NDArray[np.float32]
) -> FileEntry:
    return write_file(store.folder / f"codes-{new_name()}.bin", bits.tobytes() + factors.tobytes())


def _merged(store: VectorStore, parts: list[FileEntry], row_bytes: int) -> list[FileEntry]:
    """Make one file of the small ones at the end, where there are many of them."""
    import numpy as np

    first = len(parts)
    while first > 0 and parts[first - 1].size < SMALL * (row_bytes + _FACTOR_BYTES):
        first -= 1
    if len(parts) - first <= SMALL_PARTS:
        return parts
    split = []
    for entry in parts[first:]:
        raw = entry.map(store.folder)
        entry.check_contents(raw)
        split.append(_split(raw, row_bytes))
    bits = np.concatenate([one for one, _ in split])
    factors = np.concatenate([one for _, one in split])
    return [*parts[:first], _write_part(store, bits, factors)]
