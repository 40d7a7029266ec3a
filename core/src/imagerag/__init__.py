"""imagerag: retrieval-augmented text-to-image generation.

    from imagerag import ImageRAG

    with ImageRAG.from_config("sandbox") as rag:
        run = rag.generate("a hedgehog on a green background", seed=1)
    run.image.save("hedgehog.png")

Names are imported when they are first used, so that `import imagerag` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagerag.api import ImageRAG
    from imagerag.collection import Collection
    from imagerag.component_config import ComponentConfig
    from imagerag.errors import ImageRAGError
    from imagerag.hooks import Command, Offer, Preset, hookimpl
    from imagerag.loop import run_prompt
    from imagerag.record import read, save, strip
    from imagerag.registry import Registry
    from imagerag.replaying import replay
    from imagerag.run import Run
    from imagerag.session import Session
    from imagerag.story import tell
    from imagerag.strip_image import story_strip
    from imagerag.values import Concept, Guidance, Hit, Item, Query, Reference

_HOME = {
    "Collection": "collection",
    "Command": "hooks",
    "ComponentConfig": "component_config",
    "Concept": "values",
    "Guidance": "values",
    "Hit": "values",
    "ImageRAG": "api",
    "ImageRAGError": "errors",
    "Item": "values",
    "Offer": "hooks",
    "Preset": "hooks",
    "Query": "values",
    "Reference": "values",
    "Registry": "registry",
    "Run": "run",
    "Session": "session",
    "hookimpl": "hooks",
    "read": "record",
    "replay": "replaying",
    "run_prompt": "loop",
    "save": "record",
    "story_strip": "strip_image",
    "strip": "record",
    "tell": "story",
}

__all__ = [
    "Collection",
    "Command",
    "ComponentConfig",
    "Concept",
    "Guidance",
    "Hit",
    "ImageRAG",
    "ImageRAGError",
    "Item",
    "Offer",
    "Preset",
    "Query",
    "Reference",
    "Registry",
    "Run",
    "Session",
    "hookimpl",
    "read",
    "replay",
    "run_prompt",
    "save",
    "story_strip",
    "strip",
    "tell",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
