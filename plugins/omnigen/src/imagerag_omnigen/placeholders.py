"""How OmniGen names images inside a prompt: `<img><|image_1|></img>`, counted from 1."""

from __future__ import annotations

import re

from imagerag.errors import CapabilityError

SYNTAX = "<img><|image_{k}|></img>"
"""A format string; `k` is the place of an image among the references, the first being 1."""

_TAKEN = re.compile(r"<\|image_\d+\|>")
"""What the pipeline's processor takes for an image, wherever it stands."""

_WHOLE = re.compile(r"<img>(<\|image_([1-9][0-9]{0,3})\|>)</img>")

_MARKUP = re.compile(r"(?:<\|[^<>|]*\|>|<\s*(?:/\s*)?img\s*(?:/\s*)?>)+", re.IGNORECASE)
"""Placeholders, their halves, and the other tokens of the model's chat (`<|end|>`)."""


def without_markup(text: str) -> str:
    """Return `text` without what OmniGen would take for an image or for a turn of its chat.

    Each piece leaves a space, and they are removed until none is left, so that nesting cannot
    rebuild one. Everything else stays as it is.
    """
    while (shorter := _MARKUP.sub(" ", text)) != text:
        text = shorter
    return text


def check_placeholders(prompt: str, references: int) -> None:
    """Check that a prompt names each of its references, and nothing else.

    The order is free, and an image may be named twice. The pipeline itself ends in an empty
    AssertionError where this is not so.

    Args:
        prompt: The whole text for the model.
        references: How many there are.

    Raises:
        CapabilityError: A placeholder is misspelt, one is missing, or one names no reference.
    """
    whole = {match.start(1): int(match[2]) for match in _WHOLE.finditer(prompt)}
    for match in _TAKEN.finditer(prompt):
        if match.start() not in whole:
            raise CapabilityError(
                f"{match[0]!r} in the prompt is not a whole placeholder: the k-th reference is "
                f"written {SYNTAX.format(k='k')!r}, counted from 1."
            )
    named = set(whole.values())
    if named == set(range(1, references + 1)):
        return
    are = "is 1 reference" if references == 1 else f"are {references or 'no'} references"
    names = ", ".join(map(str, sorted(named)))
    raise CapabilityError(
        (f"The prompt names the images {names}" if named else "The prompt names no image")
        + f", but there {are}. Name each of them once, counted from 1 "
        f"({SYNTAX.format(k=1)!r}), and no other; the conditioner 'omnigen' does that."
    )
