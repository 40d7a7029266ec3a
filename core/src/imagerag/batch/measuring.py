"""What a call took: seconds, seconds of a GPU, and memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_STATM = Path("/proc/self/statm")


@dataclass
class Measured:
    """Seconds of one call and, in bytes, the memory that the process had at its end.

    `gpu_seconds` are those of a call that used CUDA: all of it, since its kernels run meanwhile.
    `gpu_memory` is the most that torch had allocated since the process began.
    """

    seconds: float = 0.0
    gpu_seconds: float = 0.0
    memory: int = 0
    gpu_memory: int = 0


@contextmanager
def measured() -> Iterator[Measured]:
    """Measure what happens inside."""
    found, started = Measured(), time.perf_counter()
    before = _cuda_work()
    try:
        yield found
    finally:
        found.seconds = time.perf_counter() - started
        after = _cuda_work()
        if after is not None:
            found.gpu_memory = after[1]
            if before is None or after[0] != before[0]:
                found.gpu_seconds = found.seconds
        found.memory = resident()


def resident() -> int:
    """Return the bytes of memory that this process has now; its peak where only that is known."""
    try:
        import resource

        try:
            with _STATM.open("rb", buffering=0) as file:
                return int(file.read(256).split()[1]) * resource.getpagesize()
        except FileNotFoundError:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    except (ImportError, OSError):
        return 0
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024


def _cuda_work() -> tuple[int, int] | None:
    """Return torch's count of allocations on a GPU and their peak; None where CUDA is not in use.

    torch is asked only where somebody has imported it. A call that allocates nothing on the GPU
    has not used it.
    """
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    if cuda is None or not cuda.is_initialized():
        return None
    allocations = peak = 0
    for device in range(cuda.device_count()):
        stats = cuda.memory_stats(device)
        allocations += int(stats.get("allocation.all.allocated", 0))
        peak += int(stats.get("allocated_bytes.all.peak", 0))
    return allocations, peak
