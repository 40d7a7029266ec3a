"""Calls in threads that take turns."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from imagerag.batch.threads import Turns


@settings(max_examples=30, deadline=None)
@given(starts=st.permutations(range(6)), gone=st.sets(st.integers(0, 5)))
def test_turns_are_taken_in_the_order_in_which_they_were_announced(starts, gone):
    turns, taken, inside = Turns(), [], threading.Lock()
    numbers = [turns.announce() for _ in range(6)]

    def call(number):
        with turns.taken(number):
            assert inside.acquire(blocking=False), "two at once"
            taken.append(number)
            inside.release()

    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(call, numbers[one]) for one in starts if one not in gone]
        for one in gone:
            turns.give_up(numbers[one])
        for one in calls:
            one.result(timeout=30)
    assert taken == sorted(set(numbers) - gone)


def test_a_turn_that_is_over_can_be_given_up_again():
    turns = Turns()
    first, second = turns.announce(), turns.announce()
    with turns.taken(first):
        pass
    turns.give_up(first)
    with turns.taken(second):
        turns.give_up(first)
    third = turns.announce()
    with turns.taken(third):
        pass
