"""The JSON in an answer, wherever it stands: alone, in a fence, or in the middle of prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from imagerag_chat.reading.lenient import Budget, NotJSONError, decode

_FENCE = re.compile(r"```[ \t]*[\w+-]*[ \t]*\r?\n?(.*?)(?:```|$)", re.DOTALL)
_BEGIN = re.compile(r"\{|\[(?! \])")  # "[ ]" is a box to tick
_MEANT = re.compile(r"""\{\s*(?:["'“„]|\w+\s*:)|\[\s*[\[{"'“„]|\{\s*\}|\[\s*\]""")
"""Brackets that begin JSON, unlike those of prose: "[1] a hedgehog", "{sic}"."""
_KEY = re.compile(r"""["'”]\s*[:：]\s*$""")
"""What stands before a value whose object cannot be read; alone it would mean something else."""
_LABEL = re.compile(r"json\s*:?\s*(?=[\[{])", re.IGNORECASE)
_VALUES = ("{", "[", '"')  # "true" and "None" alone are read as words
_NONE = object()


@dataclass(frozen=True)
class Values:
    """The JSON values in an answer, in order.

    `alone`: nothing but JSON was meant, so that the answer is not to be read as words. `broken`:
    JSON was begun that cannot be read, cut off or wrong; what of it could be read is not the
    answer.
    """

    found: tuple[Any, ...] = ()
    alone: bool = False
    broken: bool = False


def values_in(text: str) -> Values:
    """Return the JSON values of a prepared answer.

    Outside of fences only objects and lists count: a number or a quoted word in prose is prose. A
    JSON text that itself holds JSON is opened, once.
    """
    budget = Budget()
    if label := _LABEL.match(text):
        text = text[label.end() :]
    value = _all_of(text, budget)
    if value is not _NONE:
        return Values((_opened(value, budget),), alone=True)
    fenced = _joined(_within(block.strip(), budget) for block in _FENCE.findall(text))
    if fenced.found or fenced.broken:
        return fenced
    return _embedded(text, budget)


def _joined(parts: Iterator[Values]) -> Values:
    several = list(parts)
    found = tuple(value for part in several for value in part.found)
    return Values(found, alone=True, broken=any(part.broken for part in several))


def _within(block: str, budget: Budget) -> Values:
    value = _all_of(block, budget)
    return _embedded(block, budget) if value is _NONE else Values((_opened(value, budget),))


def _all_of(text: str, budget: Budget) -> Any:
    """Return the value that `text` is; `_NONE` where it is none, or more than one."""
    text = text.strip().rstrip(";")
    if not text.startswith(_VALUES):
        return _NONE
    try:
        value, end = decode(text, 0, budget)
    except NotJSONError:
        return _NONE
    return _NONE if text[end:].strip() else value


def _embedded(text: str, budget: Budget) -> Values:
    found: list[Any] = []
    alone = _MEANT.match(text) is not None
    at = 0
    while begin := _BEGIN.search(text, at):
        if _KEY.search(text, max(0, begin.start() - 40), begin.start()):
            return Values(tuple(found), alone, broken=True)
        try:
            value, at = decode(text, begin.start(), budget)
            found.append(value)
        except NotJSONError:
            if _MEANT.match(text, begin.start()):
                return Values(tuple(found), alone, broken=True)
            at = begin.end()
    return Values(tuple(found), alone)


def _opened(value: Any, budget: Budget) -> Any:
    """Return what a JSON text holds that is JSON itself: some models encode an answer twice."""
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        inner = _all_of(value, budget)
        return value if inner is _NONE else inner
    return value
