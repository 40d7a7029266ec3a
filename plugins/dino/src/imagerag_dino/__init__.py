"""DINO for imagerag: a metric that compares pictures with real ones of their concept.

The names below are imported on first use; importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagerag_dino.metric import DinoMetric

__all__ = ["DinoMetric"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.metric"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
