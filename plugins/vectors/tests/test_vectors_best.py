"""The best rows are kept, whatever blocks they come in, and what was left out is bounded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagerag_vectors.best import Best, largest


@settings(max_examples=60, deadline=None)
@given(
    total=st.integers(0, 600),
    distinct=st.integers(1, 600),
    count=st.integers(1, 80),
    block=st.integers(1, 200),
    seed=st.integers(0, 99),
)
def test_blocks_of_any_size_give_the_best(
    total: int, distinct: int, count: int, block: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    # Fewer distinct values than rows: ties, also at the end of the answer.
    values = random.normal(size=distinct)[random.integers(0, distinct, total)]
    best = Best(count)
    for start in range(0, total, block):
        best.add(start, values[start : start + block])
    rows, products = best.end()
    assert len(set(rows.tolist())) == len(rows) == min(count, total)
    assert np.array_equal(values[rows], products)
    assert sorted(products, reverse=True) == sorted(values, reverse=True)[:count]
    left_out = np.delete(values, rows)
    assert (left_out <= best.bound).all()
    assert total > count or best.bound == -np.inf


@pytest.mark.parametrize("count", [1, 2, 10, 900])
@pytest.mark.parametrize("order", ["random", "rising", "falling", "equal", "periodic"])
def test_the_largest_are_found_in_any_order(order: str, count: int) -> None:
    total = 200_000
    values = np.random.default_rng(count).normal(size=total).astype(np.float32)
    if order in ("rising", "falling"):
        values = np.sort(values) if order == "rising" else -np.sort(values)
    if order == "equal":
        values[:] = 1
    if order == "periodic":
        # Every second one is far larger, so that a sample with an even step sees these alone.
        values[::2] += 100
    found = largest(values, count)
    assert len(set(found.tolist())) == count
    assert np.array_equal(np.sort(values[found]), np.sort(values)[-count:])


def test_more_than_there_are_is_all() -> None:
    assert largest(np.array([3.0, 1.0]), 5).tolist() == [0, 1]
