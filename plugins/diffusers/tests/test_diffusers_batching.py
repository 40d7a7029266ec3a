"""Which pictures are painted together."""

from __future__ import annotations

import pytest

from imagerag_diffusers import Call, calls


def test_equal_companies_share_calls_of_at_most_the_batch_size():
    found = calls(["a", "b", "a", "a", "b"], 2)
    assert found == [Call((0, 2), 2), Call((3,), 2), Call((1, 4), 2)]


def test_none_goes_alone_in_a_call_of_one():
    assert calls([None, "a", None], 4) == [Call((0,), 1), Call((1,), 4), Call((2,), 1)]


def test_a_company_that_is_a_number_is_not_mistaken_for_one_alone():
    assert calls([0, None], 2) == [Call((0,), 2), Call((1,), 1)]


@pytest.mark.parametrize("count", range(1, 10))
@pytest.mark.parametrize("size", [1, 2, 4])
def test_every_picture_is_in_one_call_and_every_call_is_full(count, size):
    companies = [number % 3 for number in range(count)]
    found = calls(companies, size)
    assert sorted(index for call in found for index in call.indexes) == list(range(count))
    for call in found:
        rows = call.rows(list(range(count)))
        assert len(rows) == size
        assert set(rows) == set(call.indexes)
        assert len({companies[index] for index in call.indexes}) == 1


def test_no_pictures_no_calls():
    assert calls([], 4) == []
