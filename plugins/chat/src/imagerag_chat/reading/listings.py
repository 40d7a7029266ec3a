"""Which concepts: the last two of three answers, and the plan for a picture yet to be painted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from imagerag.text import clean
from imagerag.values import Concept, Malformed, Matches, Missing, Review
from imagerag_chat.question import Trouble
from imagerag_chat.reading.answers import read, refusal_in, refused, unwrapped
from imagerag_chat.reading.concepts import (
    CAPTIONS,
    LONGEST_NAME,
    NAMES,
    Named,
    Unreadable,
    field,
    gathered,
    read_concepts_of,
)
from imagerag_chat.reading.lists import Entry, marked, unmarked
from imagerag_chat.reading.nothings import says_nothing
from imagerag_chat.reading.reviews import MISSING, noted
from imagerag_chat.reading.verdicts import verdict

CONCEPTS = ("concepts", "visual_concepts", "concept_list", "names", "list", *MISSING)
CAPTIONED = ("captions", "retrieval_captions", "image_captions", *CONCEPTS)


def read_concepts(answer: Any, most: int) -> Named | Trouble:
    """Read the second of three answers, the missing concepts; none where nothing is missing."""
    return read(
        answer,
        lambda value: _listed(value, CONCEPTS, most),
        lambda text: _in_words(text, most),
    )


def read_plan(answer: Any, most: int) -> Review:
    """Read the concepts that a painter must know: `Missing` all of them, `Matches` where none."""
    return read(
        answer,
        lambda value: noted(_planned(_listed(value, CONCEPTS, most)), value),
        lambda text: _planned(_in_words(text, most)),
    )


def read_captions(answer: Any, names: Sequence[str]) -> Named | Trouble:
    """Read the last of three answers: a caption for each of `names`, by name or else by order.

    A concept that was left out keeps its name as its caption, unless all were.
    """
    wanted = [clean(name, LONGEST_NAME) for name in names]
    most = 4 * len(wanted) + 4  # what is too much shows in the count, and must not be cut before

    def of_value(value: Any) -> Named | Unreadable | None:
        return _joined(_listed(value, CAPTIONED, most), wanted)

    def of_words(text: str) -> Named | Unreadable | None:
        entries = marked(text)
        if not entries and not says_nothing(text) and verdict(text) is None:
            entries = unmarked(text, sentences=True)
        known = {name.casefold() for name in wanted}
        # What was split at a dash or colon is one caption, unless the name before it is known.
        whole = [
            entry if entry.name.casefold() in known else Entry(entry.whole or entry.name)
            for entry in entries
        ]
        return _joined(gathered(whole, most), wanted) if whole else None

    return read(answer, of_value, of_words)


def _planned(named: Named | Unreadable | None) -> Review | None:
    if not isinstance(named, Named):
        return named
    if not named.concepts:
        return Matches("no concept is named that a painter would have to look up")
    return Missing(named.concepts, note=named.remark)


def _listed(value: Any, names: Sequence[str], most: int) -> Named | Unreadable | None:
    """Return the concepts of a list, or of the object that holds one."""
    value = unwrapped(value, (*names, *NAMES, *CAPTIONS))
    if isinstance(value, str):
        return refused(value) or read_concepts_of(value, most)
    if isinstance(value, list):
        return read_concepts_of(value, most)
    if not isinstance(value, Mapping) or not value:
        return None
    listed, inner = field(value, names)
    if listed:
        return read_concepts_of(inner, most)
    return refusal_in(value) or read_concepts_of(value, most)


def _in_words(text: str, most: int) -> Named | Unreadable | None:
    if says_nothing(text):
        return Named()
    entries = marked(text)
    if not entries and verdict(text) is None:
        entries = unmarked(text)
    return gathered(entries, most) if entries else None


def _joined(read: Named | Unreadable | None, wanted: Sequence[str]) -> Named | Unreadable | None:
    """Give each wanted name the caption under that name, else the one in its place."""
    if not isinstance(read, Named):
        return read
    by_name = {concept.name.casefold(): concept.caption for concept in read.concepts}
    known = {name.casefold() for name in wanted}
    in_place = len(read.concepts) == len(wanted)
    captions = []
    for at, name in enumerate(wanted):
        caption = by_name.get(name.casefold(), "")
        if not caption and in_place and read.concepts[at].name.casefold() not in known:
            caption = read.concepts[at].caption
        captions.append(caption)
    if not any(captions):
        return Malformed(f"{len(read.concepts)} captions for {len(wanted)} concepts")
    left = [name for name, caption in zip(wanted, captions, strict=True) if not caption]
    pairs = zip(wanted, captions, strict=True)
    concepts = tuple(Concept(name, caption or name) for name, caption in pairs)
    return replace(
        read,
        concepts=concepts,
        remark=f"no caption for {', '.join(map(repr, left))}" if left else "",
    )
