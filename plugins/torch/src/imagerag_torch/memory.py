"""How much memory this process uses."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """Memory of this process in bytes.

    `resident` and `resident_peak` are main memory; `device` and `device_peak` what torch has
    allocated on the current CUDA device (on MPS `device` only), 0 without one.
    """

    resident: int
    resident_peak: int
    device: int = 0
    device_peak: int = 0


def memory() -> Memory:
    """Measure; it costs microseconds, and imports torch only where it is imported already."""
    resident, peak = _resident()
    device, device_peak = _device()
    return Memory(resident, peak, device, device_peak)


def _resident() -> tuple[int, int]:
    try:
        import resource
    except ImportError:  # Windows has no such module; a figure of 0 says "not measured"
        return 0, 0
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:  # only Linux tells the present figure without another library
        return peak, peak
    now = pages * resource.getpagesize()
    return now, max(now, peak)


def _device() -> tuple[int, int]:
    if "torch" not in sys.modules:
        return 0, 0
    import torch

    if torch.cuda.is_available():
        return torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
    if torch.backends.mps.is_available():
        return torch.mps.current_allocated_memory(), 0
    return 0, 0
