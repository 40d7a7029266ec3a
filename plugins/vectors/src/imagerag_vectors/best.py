"""The rows with the largest products, kept while blocks of rows go by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Best:
    """The best `count` rows of one query, of all the products it was shown.

    `bound` is at least the product of every row that was left out; -inf where none was.
    """

    def __init__(self, count: int) -> None:
        """Keep `count` rows."""
        import numpy as np

        self._count = count
        self._rows: list[NDArray[np.int64]] = []
        self._products: list[NDArray[Any]] = []
        self._held = 0
        self.bound = -np.inf

    def add(self, start: int, products: NDArray[Any]) -> None:
        """Show the products of the rows from `start` on."""
        import numpy as np

        if self._held < self._count:
            found = np.arange(len(products))
        else:
            # Most blocks hold next to nothing above the bound, so this is all they cost.
            found = np.flatnonzero(products > self.bound)
        self._rows.append(found + start)
        self._products.append(products[found])
        self._held += len(found)
        # Pruned seldom, or a list that grows slowly would be pruned at every block.
        if self._held > 4 * self._count or self._held - len(found) < self._count < self._held:
            self._prune()

    def end(self) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return the rows that were kept, and their products."""
        import numpy as np

        if not self._rows:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        if self._held > self._count:
            self._prune()
        return np.concatenate(self._rows), np.concatenate(self._products)

    def _prune(self) -> None:
        import numpy as np

        rows, products = np.concatenate(self._rows), np.concatenate(self._products)
        best = largest(products, self._count)
        self._rows, self._products = [rows[best]], [products[best]]
        self._held = len(best)
        self.bound = float(products[best].min())


def largest(values: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Return where the `count` largest values are, in any order; all where there are no more.

    A threshold is guessed from every so-manieth value, since partitioning 350,000 values takes
    3 ms and comparing them 0.1.
    """
    import numpy as np

    total = len(values)
    if count >= total:
        return np.arange(total)
    step = total // (16 * count)
    if step >= 8:
        sample = values[::step]
        # A quarter more than wanted: the guess is off by a fifth at times.
        place = len(sample) - max(1, (count + count // 4) // step) - 1
        found = np.flatnonzero(values > np.partition(sample, place)[place])
        if len(found) >= count:
            return found[np.argpartition(values[found], len(found) - count)[len(found) - count :]]
    return np.argpartition(values, total - count)[total - count :]
