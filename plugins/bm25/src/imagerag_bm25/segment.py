"""A segment: some captions as an inverted index, in one immutable file that is mapped into memory.

For each different word the file has its *postings*: the rows of the captions it stands in,
ascending, and how often it stands in each. Words are sorted, so that one is found by halving, and
opening a segment reads none of them.
"""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagerag_bm25.manifest import SegmentEntry, Shape, write_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ID_BYTES = 32
_MOST = 2**16 - 1
"""Most times that a word of one caption is counted."""


@dataclass(frozen=True)
class Segment:
    """The columns of a segment, in memory or mapped.

    `letters` holds the words one after another in UTF-8, word `n` from `starts[n]` to
    `starts[n + 1]`; its postings are `rows` and `counts` from `at[n]` to `at[n + 1]`. `lengths` is
    the number of words of each caption, `ids` the 32 bytes of its item's id.
    """

    starts: NDArray[np.uint64]
    at: NDArray[np.uint64]
    rows: NDArray[np.uint32]
    lengths: NDArray[np.uint32]
    counts: NDArray[np.uint16]
    ids: NDArray[np.uint8]
    letters: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def shape(self) -> Shape:
        """How much this segment holds."""
        return Shape(len(self), len(self.starts) - 1, len(self.rows), len(self.letters))

    @property
    def words(self) -> Iterator[bytes]:
        """All words, sorted."""
        letters, ends = self.letters.tobytes(), self.starts.tolist()
        return (letters[a:b] for a, b in pairwise(ends))

    def find(self, word: bytes) -> slice | None:
        """Return where in `rows` and `counts` the postings of a word are, None for no such word."""
        letters = self.letters.data
        start, low, high = self.starts.item, 0, len(self.starts) - 1
        while low < high:
            middle = (low + high) // 2
            here = letters[start(middle) : start(middle + 1)].tobytes()
            if here == word:
                return slice(self.at.item(middle), self.at.item(middle + 1))
            if here < word:
                low = middle + 1
            else:
                high = middle
        return None

    def write(self, path: Path) -> SegmentEntry:
        """Write this segment as a file, durably."""
        columns = [getattr(self, name) for name, _ in _COLUMNS]
        entry = write_file(path, (memoryview(one).cast("B") for one in columns if one.size))
        return SegmentEntry(self.shape, entry)


_COLUMNS = (
    ("starts", "<u8"),
    ("at", "<u8"),
    ("rows", "<u4"),
    ("lengths", "<u4"),
    ("counts", "<u2"),
    ("ids", "u1"),
    ("letters", "u1"),
)
"""In the order of the file; wider types first, so that all are aligned."""


def _sizes(shape: Shape) -> dict[str, int]:
    return {
        "starts": shape.words + 1,
        "at": shape.words + 1,
        "rows": shape.postings,
        "lengths": shape.rows,
        "counts": shape.postings,
        "ids": shape.rows * ID_BYTES,
        "letters": shape.letters,
    }


def expected_size(shape: Shape) -> int:
    """Return the bytes of the file of a segment of that shape."""
    import numpy as np

    sizes = _sizes(shape)
    return sum(sizes[name] * np.dtype(kind).itemsize for name, kind in _COLUMNS)


def open_segment(path: Path, shape: Shape) -> Segment:
    """Map the file of a segment, whose size and contents were checked."""
    import numpy as np

    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    sizes, offset, columns = _sizes(shape), 0, {}
    for name, kind in _COLUMNS:
        columns[name] = np.frombuffer(mapped, dtype=kind, count=sizes[name], offset=offset)
        offset += columns[name].nbytes
    columns["ids"] = columns["ids"].reshape(-1, ID_BYTES)
    return Segment(**columns)


class SegmentBuilder:
    """Collects captions as lists of words, and makes a segment of them."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._numbers: dict[str, int] = {}
        self._words = array("I")
        self._lengths = array("I")
        self._ids = bytearray()

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, identity: str, words: Sequence[str]) -> None:
        """Take in the caption of an item; its row is the number of those before it."""
        numbers = self._numbers
        self._words.extend(numbers.setdefault(word, len(numbers)) for word in words)
        self._lengths.append(len(words))
        self._ids += bytes.fromhex(identity)

    def segment(self) -> Segment:
        """Return what was added as a segment."""
        import numpy as np

        lengths = np.frombuffer(self._lengths, dtype=np.uint32).copy()
        numbers = np.frombuffer(self._words, dtype=np.uint32)
        vocabulary = [word.encode() for word in self._numbers]
        order = sorted(range(len(vocabulary)), key=vocabulary.__getitem__)
        rank = np.empty(len(vocabulary), dtype=np.int64)
        rank[order] = np.arange(len(vocabulary))
        rows = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
        # One number for each (word, caption): sorted, they are the postings.
        pairs, counts = np.unique(rank[numbers] * len(lengths) + rows, return_counts=True)
        words, rows = np.divmod(pairs, max(len(lengths), 1))
        return _assembled(
            [vocabulary[number] for number in order],
            words,
            rows,
            counts.clip(max=_MOST),
            lengths,
            np.frombuffer(bytes(self._ids), dtype=np.uint8).reshape(-1, ID_BYTES),
        )


def join(segments: Sequence[Segment], kept: Sequence[NDArray[np.bool_]]) -> Segment:
    """Return one segment of those rows of several that `kept` is true for, in their order."""
    import numpy as np

    vocabulary = sorted(set().union(*(one.words for one in segments)))
    number = {word: n for n, word in enumerate(vocabulary)}
    words, rows, counts = [], [], []
    first = 0
    for one, keep in zip(segments, kept, strict=True):
        here = np.fromiter((number[word] for word in one.words), np.int64, len(one.starts) - 1)
        wanted = keep[one.rows]
        words.append(np.repeat(here, np.diff(one.at).astype(np.int64))[wanted])
        rows.append((first + np.cumsum(keep) - 1)[one.rows[wanted]])
        counts.append(one.counts[wanted])
        first += int(keep.sum())
    joined = np.concatenate(words)
    order = np.argsort(joined, kind="stable")  # rows ascend from segment to segment
    joined = joined[order]
    present, renumbered = np.unique(joined, return_inverse=True)
    return _assembled(
        [vocabulary[n] for n in present.tolist()],
        renumbered,
        np.concatenate(rows)[order],
        np.concatenate(counts)[order],
        np.concatenate([one.lengths[keep] for one, keep in zip(segments, kept, strict=True)]),
        np.concatenate([one.ids[keep] for one, keep in zip(segments, kept, strict=True)]),
    )


def _assembled(
    vocabulary: Sequence[bytes],
    words: NDArray[Any],
    rows: NDArray[Any],
    counts: NDArray[Any],
    lengths: NDArray[Any],
    ids: NDArray[np.uint8],
) -> Segment:
    """Make a segment of postings that are sorted by word and row."""
    import numpy as np

    starts = np.zeros(len(vocabulary) + 1, dtype="<u8")
    np.cumsum([len(word) for word in vocabulary], out=starts[1:])
    at = np.searchsorted(words, np.arange(len(vocabulary) + 1)).astype("<u8")
    return Segment(
        starts=starts,
        at=at,
        rows=rows.astype("<u4"),
        lengths=lengths.astype("<u4"),
        counts=counts.astype("<u2"),
        ids=np.ascontiguousarray(ids),
        letters=np.frombuffer(b"".join(vocabulary), dtype=np.uint8),
    )
