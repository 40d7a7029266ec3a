"""A seed decides everything inside, and nothing outside."""

from __future__ import annotations

import random
import threading

import numpy as np
import pytest
import torch

from imagerag_torch import generator, seeded


def draw():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_equal_seed_equal_numbers_other_seed_other_numbers():
    def numbers(seed):
        with seeded(seed):
            return draw()

    assert numbers(1) == numbers(1)
    assert not set(numbers(1)) & set(numbers(2))


def test_what_runs_afterwards_is_undisturbed():
    random.seed(9)
    np.random.seed(9)
    torch.manual_seed(9)
    expected = draw()
    random.seed(9)
    np.random.seed(9)
    torch.manual_seed(9)
    with seeded(4):
        draw()
    assert draw() == expected


def test_an_error_inside_restores_too():
    state = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), seeded(1):
        draw()
        _ = 1 / 0
    assert torch.equal(state, torch.get_rng_state())


def test_blocks_nest():
    with seeded(1):
        first = draw()
        rest = draw()
    with seeded(1):
        assert draw() == first
        with seeded(2):
            draw()
        assert draw() == rest


@pytest.mark.parametrize("seed", [0, -1, 2**32, 2**63, 2**64 + 5])
def test_any_integer_is_a_seed(seed):
    with seeded(seed):
        draw()
    assert generator(seed).device.type == "cpu"


def test_threads_do_not_disturb_each_other():
    with seeded(3):
        expected = [draw() for _ in range(50)]
    results = []

    def work():
        with seeded(3):
            results.append([draw() for _ in range(50)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 8


def test_a_generator_repeats_and_leaves_the_global_one_alone():
    state = torch.get_rng_state()
    first = torch.rand(5, generator=generator(7))
    assert torch.equal(first, torch.rand(5, generator=generator(7)))
    assert not torch.equal(first, torch.rand(5, generator=generator(8)))
    assert torch.equal(state, torch.get_rng_state())
