"""For tests of plugins and of code that uses imagerag: components that need no model.

They are real plugins with real offers; `registry()` holds them and nothing else.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

from imagerag.hooks import GROUP

if TYPE_CHECKING:
    from imagerag.registry import Registry


def registry(*modules: str) -> Registry:
    """Return a registry of the core, these doubles, and the plugin modules named."""
    from imagerag.registry import Registry

    values = ["imagerag.builtin", "imagerag.testing.plugin", *modules]
    return Registry([EntryPoint(name=v, value=v, group=GROUP) for v in values])


__all__ = ["registry"]
