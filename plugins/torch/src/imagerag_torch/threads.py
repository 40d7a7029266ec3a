"""Threads that wait without spinning."""

from __future__ import annotations

import os
import sys


def patient_threads() -> bool:
    """Have OpenMP threads sleep while they wait, unless the user has said otherwise.

    By default they spin: two torch processes on the same cores then slow one another down many
    times over (a picture of the sandbox took 45 s instead of 1.5 s beside another run). OpenMP
    reads `OMP_WAIT_POLICY` once, when torch is imported, so this has no effect after that.

    Returns:
        True where the setting is in time.
    """
    if "torch" in sys.modules:
        return False
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return True
