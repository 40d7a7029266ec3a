"""For tests of plugins and of code that uses imagerag.

Components that need no model, with real offers (`registry()` holds them and nothing else); a
server of models on this machine with scripted faults, `LoopbackVLM`; and `offline()`, which keeps
a test on this machine.
"""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from imagerag.hooks import GROUP

if TYPE_CHECKING:
    from imagerag.registry import Registry
    from imagerag.testing.loopback import FAULTS, Answer, Fault, LoopbackVLM, Plain, faults_for
    from imagerag.testing.network import (
        ForeignAddressError,
        loopback_only,
        offline,
        offline_environment,
    )

_HOMES = {
    "FAULTS": "loopback",
    "Answer": "loopback",
    "Fault": "loopback",
    "ForeignAddressError": "network",
    "LoopbackVLM": "loopback",
    "Plain": "loopback",
    "faults_for": "loopback",
    "loopback_only": "network",
    "offline": "network",
    "offline_environment": "network",
}


def registry(*modules: str) -> Registry:
    """Return a registry of the core, these doubles, and the plugin modules named."""
    from imagerag.registry import Registry

    values = ["imagerag.builtin", "imagerag.testing.plugin", *modules]
    return Registry([EntryPoint(name=v, value=v, group=GROUP) for v in values])


__all__ = [
    "FAULTS",
    "Answer",
    "Fault",
    "ForeignAddressError",
    "LoopbackVLM",
    "Plain",
    "faults_for",
    "loopback_only",
    "offline",
    "offline_environment",
    "registry",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
