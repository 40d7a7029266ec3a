"""What an index adds to exact search: a structure that names the rows worth scoring.

This is the whole contract between an index library and the rest. A plugin derives from `Code` and
from `VectorRetriever`:

    class MyCode(Code):
        kind = "mine"                       # its name in the manifest

        def shape(self) -> dict: ...        # options it is built with; others mean built anew
        def extend(self, store, old) -> CodeEntry: ...
        def open(self, store, entry) -> None: ...
        def candidates(self, queries, count, threads) -> list[rows]: ...

    class MyRetriever(VectorRetriever):
        family = "mine"                     # its folder: indexes/mine-<digest of the space>

        def code(self, rows: int) -> Code | None:
            return MyCode(self.config)      # None: exact search over all rows

What the rest does, so that no structure has to: files with check sums, one writer at a time,
catching up with the collection, building anew what is damaged, exact scores in double precision of
every candidate, leaving out dead rows and removed items, filters, order, `purge`.

The life of a structure:

* A fresh object is made for each state of the index: `code(rows)`, then at most one `extend`, or
  one `open` and any number of `candidates`, from any thread.
* `extend` writes new files into `store.folder`, named with `new_name()`, by `write_file`, or by the
  library itself and then `file_entry`, and returns their entry with `rows = store.rows`. It may
  name files of `old` again: that is how small additions stay cheap. `old` is None where there is
  none or where its kind or shape is another. Rows never change, only more come: when dead rows are
  dropped, numbers change and `old` is None.
* `open` must not take time: map files with `FileEntry.map`, which checks their sizes. A file is
  read through with `FileEntry.check_contents` before its contents are believed; the latest moment
  for it is the first `candidates`. Whatever raises `DamagedIndexError`, there too, has the index
  built anew with a warning, and the search repeated. A library that crashes on damaged files gets
  them after that check only.
* `candidates` returns row numbers likely to hold the nearest `count` rows, for each query. It
  should name more than `count` of them: only candidates are scored exactly, and the best `count` of
  them make the answer. Dead rows may be among them, and doubles must not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from imagerag_vectors.manifest import CodeEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from imagerag_vectors.store import VectorStore


class Code(ABC):
    """A structure over an index's rows that names candidates; the module tells its life."""

    kind: ClassVar[str]

    @abstractmethod
    def shape(self) -> dict[str, Any]:
        """Return the options that decide what is in its files, in JSON's types."""

    @abstractmethod
    def extend(self, store: VectorStore, old: CodeEntry | None) -> CodeEntry:
        """Write files for all of the store's rows, of which `old` has the first `old.rows`.

        `store.matrices` holds the rows' vectors, segment by segment, as f16 or f32; call
        `store.check_segment(number)` before reading one.
        """

    @abstractmethod
    def open(self, store: VectorStore, entry: CodeEntry) -> None:
        """Map the files of `entry`, without reading them through."""

    @abstractmethod
    def candidates(
        self, queries: NDArray[np.float32], count: int, threads: int
    ) -> Sequence[NDArray[np.int64]]:
        """Return rows for each query, among them likely the `count` nearest, in any order.

        `queries` are unit vectors, shape (n, dim); `threads` is 0 for one per core.
        """

    def fits(self, entry: CodeEntry | None) -> bool:
        """Whether an entry's files are of this kind and shape."""
        return entry is not None and (entry.kind, entry.shape) == (self.kind, self.shape())

    def is_current(self, entry: CodeEntry | None, rows: int) -> bool:
        """Whether an entry's files are of this kind and shape, and hold all rows."""
        return self.fits(entry) and entry is not None and entry.rows == rows
