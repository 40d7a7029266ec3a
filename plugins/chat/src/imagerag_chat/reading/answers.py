"""How any answer is read: JSON where there is some that fits, words else, trouble as a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from imagerag.text import clean
from imagerag.values import Malformed, Refused
from imagerag_chat.reading.bare import excerpt, prepare, shortened
from imagerag_chat.reading.concepts import NAMES, field
from imagerag_chat.reading.embedded import Values, values_in
from imagerag_chat.reading.refusals import is_refusal
from imagerag_chat.reading.verdicts import verdict

T = TypeVar("T")

MATCH = (
    "match", "matches", "matched", "is_match", "is_matching", "matching", "does_match", "fits",
    "answer", "verdict", "result", "correct", "response", "decision", "judgement", "judgment",
)  # fmt: skip
MATCH_WORDS = ("match", "matches", "matched", "matching")


def read(
    answer: Any, of_value: Callable[[Any], T | None], of_words: Callable[[str], T | None]
) -> T | Malformed | Refused:
    """Read an answer of any form; never raises, and takes bounded time and memory.

    Args:
        answer: What the model wrote.
        of_value: Reads a JSON value; None where it does not have the form asked for.
        of_words: Reads the text where no JSON fits; None where it says nothing that was asked for.
    """
    text = prepare(answer)
    if isinstance(text, Malformed):
        return text
    values = values_in(text)
    if values.broken:
        broken = Malformed(f"the JSON of the answer is wrong or cut off: {excerpt(text)}")
        return refused(text) or broken
    found: T | Malformed | Refused | None = _of_values(values, of_value)
    # A list in prose may be no more than a number in brackets: "[1] a hedgehog".
    prose = not values.alone and not any(isinstance(value, Mapping) for value in values.found)
    if prose and (found is None or isinstance(found, Malformed)):
        in_words = refused(text) or of_words(shortened(text))
        found = found if in_words is None else in_words
    if found is None or isinstance(found, Malformed):
        unread = Malformed(f"not the form asked for: {excerpt(text)}")
        return refused(text) or (unread if found is None else found)
    return found


def _of_values(values: Values, of_value: Callable[[Any], T | None]) -> T | Malformed | None:
    """Read each value: several must be one list in pieces, or all say the same."""
    if len(values.found) > 1 and all(_is_entry(value) for value in values.found):
        return of_value(list(values.found))
    found = [result for value in values.found if (result := of_value(value)) is not None]
    good = [result for result in found if not isinstance(result, Malformed)]
    if any(result != good[0] for result in good):
        return Malformed("the answer holds several that contradict each other")
    return good[0] if good else found[0] if found else None


def _is_entry(value: Any) -> bool:
    return isinstance(value, Mapping) and field(value, NAMES)[0] and not field(value, MATCH)[0]


def refused(text: str) -> Refused | None:
    """Return the refusal that a text begins with."""
    return Refused(clean(text)) if is_refusal(text) else None


def refusal_in(value: Mapping[str, Any]) -> Refused | None:
    """Return the refusal that one field of an object is, as in {"error": "I cannot help …"}."""
    texts = (inner for inner in value.values() if isinstance(inner, str))
    return next((refusal for text in texts if (refusal := refused(text))), None)


def unwrapped(value: Any, names: Sequence[str]) -> Any:
    """Take an answer out of what holds nothing else: {"review": {…}}, [{"match": …}].

    An object with one of `names` is the answer itself.
    """
    for _ in range(2):
        inner = value
        if isinstance(value, Mapping) and len(value) == 1 and not field(value, names)[0]:
            [inner] = value.values()
        elif isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping):
            inner = value[0] if field(value[0], (*names, *MATCH[:7]))[0] else value
        if inner is value or not isinstance(inner, Mapping | list):
            return value
        value = inner
    return value


def truth(value: Any) -> bool | None:
    """Return a yes or no in any of the forms that models give one, None for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in (0, 1) else None
    word = verdict(value) if isinstance(value, str) else None
    return None if word is None else word == "yes"
