"""Hears each denoising step of any pipeline, and can end the call there.

Not every pipeline has `callback_on_step_end`, and those that have it count differently; but each
moves its picture on by `scheduler.step`, so that is where this listens.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def after_each_step(pipe: Any, report: Callable[[int, int], None]) -> Iterator[None]:
    """Call `report(done, total)` after every step of calls of `pipe` inside this block.

    Steps count from 1 within the block; `total` is the number of model calls that the scheduler has
    planned, which for some schedulers (Heun's) is more than the steps asked for. An exception from
    `report` ends the pipeline's call between two steps. Afterwards the scheduler is as it was.
    """
    scheduler = pipe.scheduler
    original = scheduler.step
    done = 0

    # Pipelines look at the signature to see whether the scheduler takes `eta` and `generator`.
    @functools.wraps(original)
    def step(*given: Any, **named: Any) -> Any:
        nonlocal done
        result = original(*given, **named)
        done += 1
        report(done, len(scheduler.timesteps))
        return result

    before = vars(scheduler).get("step")
    scheduler.step = step
    try:
        yield
    finally:
        if before is None:
            del scheduler.step
        else:
            scheduler.step = before
