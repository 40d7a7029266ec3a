"""A check sum of each row, fast enough to be checked when a row is first read.

The sum is multilinear: each machine word of a row times an odd number of its own, modulo 2^64. A
change of one word always changes the sum, since an odd factor can be divided by; other changes go
unnoticed with a probability of about 2^-64. numpy computes it as fast as memory is read, which is
several times faster than a CRC-32, and for many scattered rows at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEED = 0x1A6E_4A60_0000_0001
"""Where the odd factors come from; another number would make every kept sum wrong."""


def row_sums(vectors: NDArray[Any], ids: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return one sum for each row: of its vector, in any type, and of its item's id."""
    import numpy as np

    words = _words(np.ascontiguousarray(vectors))
    names = _words(np.ascontiguousarray(ids))
    factors = _factors(words.shape[1] + names.shape[1])
    total: NDArray[np.uint64] = np.einsum("ij,j->i", words, factors[: words.shape[1]])
    total += np.einsum("ij,j->i", names, factors[words.shape[1] :])
    return total


def _words(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows as unsigned integers of the widest type that fills them."""
    import numpy as np

    raw = rows.view(np.uint8).reshape(len(rows), -1)
    width = next(size for size in (8, 4, 2, 1) if raw.shape[1] % size == 0)
    words: NDArray[Any] = raw.view(f"<u{width}")
    return words if width == 8 else words.astype(np.uint64)


def _factors(count: int) -> NDArray[np.uint64]:
    """Return `count` odd numbers, always the same: splitmix64, with the last bit set."""
    import numpy as np

    steps = np.arange(1, count + 1, dtype=np.uint64)
    state = np.uint64(SEED) + steps * np.uint64(0x9E37_79B9_7F4A_7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    mixed: NDArray[np.uint64] = (state ^ (state >> np.uint64(31))) | np.uint64(1)
    return mixed
