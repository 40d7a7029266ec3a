"""Finds tensors that a weight file lacks: with random ones instead, pictures would be noise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from imagerag.errors import WeightsError

if TYPE_CHECKING:
    from imagerag_diffusers.layout import Layout

LACKING = re.compile(r"^(?P<name>[^|]+)\|\s*(?:\x1b\[[\d;]*m)?(?:MISSING|MISMATCH)", re.MULTILINE)
"""A line of the report in which transformers reports what it filled up with random numbers."""

ORIGIN = re.compile(r"LOAD REPORT.*? from: (.+)")
"""The head of that report, with the component's folder."""


def refuse_gaps(model: str, layout: Layout, pipe: Any, notices: Sequence[str]) -> None:
    """Raise where a loaded pipeline has tensors that no file gave it.

    Args:
        model: What the configuration calls it, for messages.
        layout: Where it is.
        pipe: The loaded pipeline, still in main memory.
        notices: What transformers said while it loaded.

    Raises:
        WeightsError: There are such tensors; the message names the first.
    """
    lacking = [*_left_empty(layout, pipe), *_made_up(notices)]
    if lacking:
        raise WeightsError(
            f"The model {model!r} is not complete: in {str(layout.folder)!r} {len(lacking)} "
            f"tensors are missing or of another shape: {', '.join(lacking[:3])}. Fetch it again."
        )


def _left_empty(layout: Layout, pipe: Any) -> Iterator[str]:
    """Yield what diffusers left without data: it builds models empty, and fills them from files."""
    for component in layout.weighted:
        for name, tensor in getattr(pipe, component).named_parameters():
            if tensor.is_meta:
                yield f"{component}.{name}"


def _made_up(notices: Sequence[str]) -> Iterator[str]:
    """Yield what transformers filled up with random numbers."""
    for text in notices:
        origin = ORIGIN.search(text)
        component = f"{PurePath(origin[1].strip()).name}." if origin else ""
        for found in LACKING.finditer(text):
            yield component + found["name"].strip()
