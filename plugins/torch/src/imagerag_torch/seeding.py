"""Random numbers that depend on a seed and on nothing else."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_lock = threading.RLock()
# Global generators belong to the whole process: two seeded blocks at once would disturb each other.


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators of Python, numpy and torch, and restore them afterwards.

    A `torch.Generator` is not enough for some pipelines: diffusers' OmniGen, for one, encodes its
    reference images with the global generator. Inside this block such code repeats itself, and
    what runs after it is undisturbed. Only one thread at a time is inside a seeded block.

    Args:
        seed: Any integer; reduced to 32 bits for numpy and to 64 bits for torch.
    """
    import numpy as np
    import torch

    with _lock:
        python_state = random.getstate()
        numpy_state = np.random.get_state()
        gpus = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
        mps_state = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
        with torch.random.fork_rng(devices=gpus):
            try:
                random.seed(seed)
                np.random.seed(seed % 2**32)
                torch.manual_seed(seed % 2**64)
                yield
            finally:
                random.setstate(python_state)
                np.random.set_state(numpy_state)
                if mps_state is not None:
                    torch.mps.set_rng_state(mps_state)


def generator(seed: int) -> torch.Generator:
    """Return a torch generator on the CPU, seeded with `seed`.

    It stays on the CPU whatever the model runs on: diffusers then draws the noise there and moves
    it, so one seed means one start picture on every device.
    """
    import torch

    return torch.Generator(device="cpu").manual_seed(seed % 2**64)
