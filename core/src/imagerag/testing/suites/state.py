"""What a component shares with everybody else in its process, to be compared before and after."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def random_state() -> dict[str, Any]:
    """Return the state of each global source of random numbers that is loaded."""
    found: dict[str, Any] = {"random": random.getstate()}
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None:
        kind, keys, *rest = numpy.random.get_state()
        found["numpy.random"] = (kind, keys.tobytes(), *rest)
    if torch is not None:
        found["torch"] = torch.get_rng_state().numpy().tobytes()
        if torch.cuda.is_initialized():
            states = torch.cuda.get_rng_state_all()
            found["torch.cuda"] = tuple(state.cpu().numpy().tobytes() for state in states)
    return found


@contextmanager
def stirred(number: int) -> Iterator[None]:
    """Seed the global sources with an unusual number, and put their own states back at the end.

    A component that seeds them leaves the same state each time. Only what was there before tells
    that it did, and so that must be something that it does not leave itself.
    """
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    before = random.getstate()
    before_numpy = numpy.random.get_state() if numpy is not None else None
    before_torch = torch.get_rng_state() if torch is not None else None
    before_cuda = (
        torch.cuda.get_rng_state_all()
        if torch is not None and torch.cuda.is_initialized()
        else None
    )
    try:
        random.seed(number)
        if numpy is not None:
            numpy.random.seed(number)
        if torch is not None:
            torch.manual_seed(number)
        yield
    finally:
        random.setstate(before)
        if numpy is not None and before_numpy is not None:
            numpy.random.set_state(before_numpy)
        if torch is not None and before_torch is not None:
            torch.set_rng_state(before_torch)
            if before_cuda is not None:
                torch.cuda.set_rng_state_all(before_cuda)


def process_state() -> dict[str, Any]:
    """Return settings of this process that are nobody's to change for the others."""
    root = logging.getLogger()
    found: dict[str, Any] = {
        "the working directory": Path.cwd(),
        "the environment": {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
        "the level of the root logger": root.level,
        "the handlers of the root logger": tuple(map(id, root.handlers)),
        "the handler of SIGINT": signal.getsignal(signal.SIGINT),
        "sys.path": tuple(sys.path),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        found["torch's default dtype"] = torch.get_default_dtype()
        found["torch's gradient mode"] = torch.is_grad_enabled()
        found["torch's deterministic algorithms"] = torch.are_deterministic_algorithms_enabled()
    return found


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return what has another state now, of what was there before."""
    return [name for name, state in before.items() if after.get(name) != state]
