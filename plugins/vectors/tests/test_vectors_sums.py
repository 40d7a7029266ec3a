"""The check sum of a row notices what a disk can do to it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagerag_vectors.sums import row_sums


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("dim", [1, 2, 3, 12, 512])
def test_any_changed_bit_changes_the_sum(dtype: type, dim: int) -> None:
    random = np.random.default_rng(dim)
    vectors = random.normal(size=(50, dim)).astype(dtype)
    ids = random.integers(0, 256, (50, 32), dtype=np.uint8)
    sums = row_sums(vectors, ids)
    for _ in range(200):
        row = int(random.integers(50))
        part = random.integers(2)
        broken, names = vectors.copy(), ids.copy()
        raw = (names if part else broken.view(np.uint8))[row]
        raw[random.integers(raw.size)] ^= 1 << int(random.integers(8))
        changed = np.flatnonzero(row_sums(broken, names) != sums)
        assert changed.tolist() == [row]


@given(st.integers(0, 15), st.integers(0, 15))
def test_swapped_words_change_the_sum(first: int, second: int) -> None:
    ids = np.zeros((1, 32), dtype=np.uint8)
    row = np.arange(1, 17, dtype=np.float32).reshape(1, 16)
    other = row.copy()
    other[0, [first, second]] = row[0, [second, first]]
    assert (row_sums(row, ids) == row_sums(other, ids)) == (first == second)


def test_the_sum_of_a_kept_row_stays_the_same_in_every_version() -> None:
    vectors = np.arange(8, dtype=np.float16).reshape(2, 4)
    ids = np.arange(64, dtype=np.uint8).reshape(2, 32)
    kept = [0x15BF2AC3B03B4FB0, 0x84E097D150A26BB0]
    assert row_sums(vectors, ids).tolist() == kept
