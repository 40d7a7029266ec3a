"""Another retriever of the same options, so that each collection keeps its index open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from imagerag.roles import Retriever

R = TypeVar("R", bound=Retriever)


def twin(one: R) -> R:
    """Return a retriever as `one` was when it was built; encoders and the like are shared.

    Retrievers inside another's table get twins as well. Close it with `close_twin`.
    """
    parts: Mapping[str, Sequence[Any]] = {
        option: [twin(part) if isinstance(part, Retriever) else part for part in inside]
        for option, inside in one.context.parts.items()
    }
    return type(one)(one.config, replace(one.context, parts=parts))


def close_twin(one: Retriever) -> None:
    """Close a twin with the retrievers inside it; whoever shares what else is there closes that."""
    one.close()
    for inside in one.context.parts.values():
        for part in inside:
            if isinstance(part, Retriever):
                close_twin(part)
