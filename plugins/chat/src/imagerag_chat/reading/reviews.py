"""Does the picture match: the answer to the one call, and to the first of three."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from imagerag.text import clean
from imagerag.values import Concept, Malformed, Matches, Missing, Refused, Review
from imagerag_chat.question import Trouble
from imagerag_chat.reading.answers import MATCH, MATCH_WORDS, read, refusal_in, truth, unwrapped
from imagerag_chat.reading.bare import excerpt
from imagerag_chat.reading.concepts import (
    CAPTIONS,
    NAMES,
    NOTES,
    Named,
    field,
    gathered,
    key,
    read_concepts_of,
)
from imagerag_chat.reading.lists import Entry, announced, marked, unmarked
from imagerag_chat.reading.nothings import says_nothing, says_nothing_is_missing
from imagerag_chat.reading.refusals import is_refusal
from imagerag_chat.reading.verdicts import verdict

MISSING = (
    "missing", "missing_concepts", "concepts_missing", "missing_elements", "missing_objects",
    "missing_items", "lacking", "absent", "concepts", "elements", "objects", "items",
)  # fmt: skip
MISSING_WORDS = ("missing", "lacking", "absent")
_OF_ONE = {*NAMES, *CAPTIONS, *NOTES, "importance", "score", "confidence"}
PRESENT = ("present", "present_concepts", "shown", "visible", "seen", "found")
_LABELS = {*MATCH, *MISSING, *PRESENT, *NOTES, "caption", "captions"}
"""What labels an entry of a list in words, and is no concept."""


def read_review(answer: Any, most: int) -> Review:
    """Read the answer to the one call: does the picture match, and what is missing?

    `match = true` beside concepts that are missing is `Missing`: what is named weighs more than a
    summary, as in "Yes, but the bird is missing". `match = false` without a concept is `Malformed`:
    there is nothing to look up.
    """
    return read(answer, lambda value: _review(value, most), lambda text: _in_words(text, most))


def read_match(answer: Any) -> bool | Trouble:
    """Read the first of three answers: whether the picture matches. A qualified yes is a no."""
    return read(answer, _match, _match_in_words)


def noted(review: Review | None, value: Any) -> Review | None:
    """Add the model's own note to what was read of `value`; it may turn out to be a refusal."""
    said = field(value, NOTES)[1] if isinstance(value, Mapping) else None
    if review is None or not isinstance(said, str):
        return review
    if not isinstance(review, Missing) and is_refusal(said):
        return Refused(clean(said))
    return replace(review, note=_joined(clean(said), review.note))


def _review(value: Any, most: int) -> Review | None:
    value = unwrapped(value, MISSING)
    if isinstance(value, bool | str):
        return _of_truth(truth(value))
    if isinstance(value, list):
        named = read_concepts_of(value, most)
        if not isinstance(named, Named):
            return named
        return Missing(named.concepts, note=named.remark) if named.concepts else Matches()
    if not isinstance(value, Mapping):
        return None
    judged, said = field(value, MATCH, MATCH_WORDS)
    listed, missing = field(value, MISSING, MISSING_WORDS)
    if isinstance(said, Mapping) and not listed:
        return _review(dict(said), most)
    if not judged and not listed:
        return refusal_in(value) or _single(value, most)
    named = read_concepts_of(missing, most)
    if not isinstance(named, Named):
        return named
    if said is None and not listed:
        return Malformed("the answer leaves open whether the picture matches")
    match = truth(said) if judged else not named.concepts and not _mentions_match(value)
    if named.concepts:
        remark = "said to match, yet with concepts that are missing" if match else ""
        present = _present(value, named, most)
        return noted(Missing(named.concepts, present, _joined(named.remark, remark)), value)
    if match:
        return noted(Matches(concepts=_present(value, named, most)), value)
    if match is None:
        return noted(Malformed(f"neither yes nor no: {excerpt(repr(said))}"), value)
    return noted(Malformed("no match, yet no concept is named that is missing"), value)


def _mentions_match(value: Mapping[str, Any]) -> bool:
    """Say whether a key that was not understood is about matching, such as "no_match"."""
    words = {part for name in value for part in key(name).split("_")}
    return bool(words & {*MATCH_WORDS, "mismatch", "mismatched"})


def _of_truth(match: bool | None) -> Review | None:
    if match is None:
        return None
    return Matches() if match else Malformed("no match, yet no concept is named that is missing")


def _present(value: Mapping[str, Any], missing: Named, most: int) -> tuple[Concept, ...]:
    found = read_concepts_of(field(value, PRESENT)[1], 4 * most)
    if not isinstance(found, Named):
        return ()  # it is told in the record and never acted on
    names = {concept.name.casefold() for concept in missing.concepts}
    return tuple(concept for concept in found.concepts if concept.name.casefold() not in names)


def _single(value: Mapping[str, Any], most: int) -> Review | None:
    """Read one concept that stands alone, without the list around it."""
    if not field(value, NAMES)[0] or not all(key(name) in _OF_ONE for name in value):
        return None
    named = read_concepts_of(value, most)
    if isinstance(named, Named):
        return Missing(named.concepts) if named.concepts else None
    return named


def _in_words(text: str, most: int) -> Review | None:
    word = verdict(text)
    entries: list[Entry] = []
    for entry in marked(text) or announced(text):
        label = key(entry.name)
        if entry.text and label in MATCH:
            word = verdict(entry.text)  # "1. Match: no"
        elif entry.text and label in MISSING:
            entries += unmarked(entry.text)
        elif label not in _LABELS:
            entries.append(entry)
    named = gathered(entries, most)
    if not isinstance(named, Named):
        return named
    if named.concepts and word != "yes":
        return Missing(named.concepts, note=named.remark)
    if word == "yes" or (says_nothing(text) and (word != "no" or " " in text)):
        return Matches(clean(text))
    if word is None:
        return None
    return Malformed(f"no match, and no concept to look up: {excerpt(text)}")


def _match(value: Any) -> bool | Malformed | Refused | None:
    value = unwrapped(value, ())
    if isinstance(value, bool | str):
        return truth(value)
    if not isinstance(value, Mapping):
        return None
    judged, said = field(value, MATCH, MATCH_WORDS)
    if not judged:
        return refusal_in(value)
    match = truth(said)
    if match is None:
        return refusal_in(value) or Malformed(f"neither yes nor no: {excerpt(repr(said))}")
    return match


def _match_in_words(text: str) -> bool | None:
    if says_nothing_is_missing(text):
        return True
    if says_nothing(text):
        return None  # "none", or "no, nothing is missing": a yes and a no at once
    word = verdict(text)
    return None if word is None else word == "yes"


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
