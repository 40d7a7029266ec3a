"""How captions of references enter the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imagerag.text import clean

if TYPE_CHECKING:
    from imagerag.values import Reference
    from imagerag_sdxl.config import SDXLConditionerConfig

TRAILING = " .,;:!?…"
"""Stripped from the end of a caption: the template's own comma follows it."""


def worded(prompt: str, references: Sequence[Reference], config: SDXLConditionerConfig) -> str:
    """Return the prompt in the configured wording for one or more references.

    Captions come from models and from strangers' files, so they are cleaned; the prompt is the
    user's own and stays as it is. Equal captions are named once.
    """
    captions = [caption_of(reference, config.max_caption) for reference in references]
    named = list(dict.fromkeys(caption for caption in captions if caption))
    if not named:
        return config.uncaptioned.format(prompt=prompt)
    if len(references) == 1:
        return config.one.format(caption=named[0], prompt=prompt)
    return config.many.format(captions=", ".join(named), prompt=prompt)


def caption_of(reference: Reference, longest: int) -> str:
    """Return a reference's cleaned caption, else its concept, cut at a word; or ""."""
    for text in (reference.caption, reference.concept):
        whole = clean(text)
        short = whole[:longest]
        if len(whole) > longest and " " in short:
            short = short.rsplit(" ", 1)[0]
        if short := short.rstrip(TRAILING):
            return short
    return ""
