"""How references and their captions enter OmniGen's prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagerag.text import clean

if TYPE_CHECKING:
    from imagerag.values import Reference
    from imagerag_omnigen.config import OmniGenConditionerConfig

TRAILING = " .,;:!?…"
"""Stripped from the end of a caption: the template's own colon follows it."""


@dataclass(frozen=True)
class Group:
    """References of one caption."""

    caption: str
    references: tuple[Reference, ...]


def grouped(
    references: Sequence[Reference], prompt: str, config: OmniGenConditionerConfig
) -> list[Group]:
    """Return the references by caption: the user's own first, equal captions together.

    Otherwise they stay in their order. Images are numbered in the order of what this returns, so
    that the numbers run upwards as the prompt is read.
    """
    found: dict[tuple[bool, str], list[Reference]] = {}
    for reference in sorted(references, key=lambda each: each.origin != "user"):
        key = (reference.origin == "user", caption_of(reference, prompt, config))
        found.setdefault(key, []).append(reference)
    return [Group(caption, tuple(members)) for (_, caption), members in found.items()]


def worded(
    prompt: str, groups: Sequence[Group], syntax: str, config: OmniGenConditionerConfig
) -> str:
    """Return the whole text: each caption with the placeholders of its images, then the prompt.

    Args:
        prompt: The user's words, free of markup.
        groups: At least one.
        syntax: A placeholder's format string, with `{k}` counted from 1.
        config: The templates.
    """
    texts, everything, number = [], [], 0
    for group in groups:
        last = number + len(group.references)
        places = [syntax.format(k=k) for k in range(number + 1, last + 1)]
        texts.append(config.group.format(caption=group.caption, images=", ".join(places)))
        everything += places
        number = last
    return config.template.format(
        groups=", ".join(texts), images=", ".join(everything), prompt=prompt
    )


def caption_of(reference: Reference, prompt: str, config: OmniGenConditionerConfig) -> str:
    """Return a reference's caption, else its concept, cleaned and cut at a word.

    The loop gives the user's images the prompt as their caption where they have none. That is what
    is to be painted, not what they show, so they go by `own` instead.
    """
    user = reference.origin == "user"
    for text in (reference.caption, reference.concept):
        if user and clean(text) == clean(prompt):
            continue
        # One more than is kept, to see whether something was cut off.
        whole = clean(text, config.max_caption + 1)
        short = whole[: config.max_caption]
        if len(whole) > config.max_caption and " " in short:
            short = short.rsplit(" ", 1)[0]
        if short := short.rstrip(TRAILING):
            return short
    return config.own if user else config.unnamed
