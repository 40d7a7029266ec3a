"""Reading what a server answered: every outcome is a value, whatever the bytes are."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, TypeAlias

from imagerag.text import clean
from imagerag.values import (
    Comparison,
    Concept,
    Filtered,
    Malformed,
    Matches,
    Missing,
    Refused,
    Review,
    Truncated,
)

Unusable: TypeAlias = Filtered | Malformed | Refused | Truncated

_FENCE = re.compile(r"\s*```\w*\n(.*)\n\s*```\s*", re.DOTALL)


def json_of(data: bytes | str) -> Any:
    """Read JSON as the standard has it.

    Raises:
        ValueError: It is none: no UTF-8, nested too deeply, or with the NaN that Python would take.
    """

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(data, parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def text_of(body: bytes) -> str | Unusable:
    """Return the text of the one answer inside a Chat Completions response."""
    try:
        whole = json_of(body)
    except ValueError:
        return Malformed("the response is no JSON")
    choices = whole.get("choices") if isinstance(whole, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return Malformed("the response holds no answer")
    if choice.get("finish_reason") == "content_filter":
        return Filtered("the server's content filter stopped the answer")
    if choice.get("finish_reason") == "length":
        return Truncated("the answer hit its length limit")
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        return Refused(clean(refusal))
    text = message.get("content")
    return text if isinstance(text, str) else Malformed("the answer is no text")


def review_of(text: str, most: int) -> Review:
    """Read the answer to "what is missing?": {"missing": [{"concept": …, "caption": …}]}."""
    answer = _object_of(text)
    listed = None if answer is None else answer.get("missing")
    if not isinstance(listed, list):
        return Malformed("the answer does not list what is missing")
    concepts: dict[str, Concept] = {}
    for one in listed:
        values = (one.get("concept"), one.get("caption")) if isinstance(one, dict) else ()
        words = [clean(value) for value in values if isinstance(value, str)]
        if len(words) != 2 or not all(words):
            return Malformed("a missing concept has no name or no caption")
        name, caption = words
        concepts.setdefault(name.casefold(), Concept(name, caption))
    return Missing(tuple(concepts.values())[:most]) if concepts else Matches()


def comparison_of(text: str) -> Comparison:
    """Read the answer to "which is better?": {"better": "first"}. Anything unknown is a tie."""
    answer = _object_of(text)
    better = None if answer is None else answer.get("better")
    if better == "first":
        return Comparison("a")
    if better == "second":
        return Comparison("b")
    return Comparison("tie", note="" if better == "neither" else "no usable answer")


def _object_of(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a text is, inside a Markdown fence or not."""
    fenced = _FENCE.fullmatch(text)
    try:
        answer = json_of(fenced[1] if fenced else text)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
