"""What prompts may say of references: their captions, and nothing that a model reads as markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imagerag.text import clean

if TYPE_CHECKING:
    from imagerag.values import Reference

TRAILING = " .,;:!?…"
"""Stripped from the end of a caption: the template's own comma follows it."""

_MARKUP = re.compile(r"<\|[^<>|]*\|>")
"""A word of a model's chat: a turn, a picture, the end (`<|im_end|>`, `<|image_pad|>`)."""


def caption_of(reference: Reference, prompt: str, longest: int) -> str:
    """Return a reference's caption, else its concept, cleaned and cut at a word; or "".

    The loop gives the user's images the prompt as their caption where they have none. That is what
    is to be painted, not what they show, so it is no caption here.

    Args:
        reference: The reference.
        prompt: The user's words.
        longest: Most characters.
    """
    for text in (reference.caption, reference.concept):
        if reference.origin == "user" and clean(text) == clean(prompt):
            continue
        # One more than is kept, to see whether something was cut off.
        whole = clean(text, longest + 1)
        short = whole[:longest]
        if len(whole) > longest and " " in short:
            short = short.rsplit(" ", 1)[0]
        if short := short.rstrip(TRAILING):
            return short
    return ""


def without_markup(text: str) -> str:
    """Return `text` without words of a model's chat; each leaves a space.

    They are removed until none is left, so that nesting cannot rebuild one. Everything else stays
    as it is.
    """
    while (shorter := _MARKUP.sub(" ", text)) != text:
        text = shorter
    return text
