"""JSON as models write it when nothing holds them to it: the repairs that change no meaning.

Read beyond JSON: trailing commas, full-width ones, comments, single and typographic quotation
marks, marks inside a text that were not escaped, Python's True, False and None, and bare words as
keys. What is left open at the end is not closed: nobody knows what would have followed.
"""

from __future__ import annotations

import json
import re
from typing import Any

DEEPEST = 24
"""Levels of nesting that are read. The answers asked for have three."""

_SPACE = re.compile(r"(?:\s+|//[^\n]{0,500}|/\*(?:[^*]|\*(?!/)){0,500}\*/)*")
_NUMBER = re.compile(
    r"-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?(?![\w.])", re.ASCII
)
_WORD = re.compile(r"[^\W\d]\w{0,60}")
_LITERALS = {"true": True, "false": False, "null": None, "none": None}
_CLOSING = {'"': '"', "'": "'", "“": "”", "”": "”", "„": "“”", "‘": "’", "«": "»", "「": "」"}
_TOKENS = {
    closing: re.compile(rf"\\(?:u[0-9a-fA-F]{{4}}|.)|[{closing}]", re.DOTALL)
    for closing in _CLOSING.values()
}
_GOES_ON = re.compile(r"\s*(?:[,:，：}\]]|//|/\*|$)")
_NEXT_TEXT = re.compile(r"""(["'])\s+\1""")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class NotJSONError(ValueError):
    """The text at this place is not JSON, and not nearly JSON either."""


class Budget:
    """Steps that may still be taken for one answer, so that hostile texts end in time."""

    def __init__(self, steps: int = 60_000) -> None:
        self._left = steps

    def spend(self, steps: int = 1) -> None:
        """Take steps from the budget; raise `NotJSONError` where it is used up."""
        self._left -= steps
        if self._left < 0:
            raise NotJSONError("too much work")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; one that says two things under one key says neither."""
    built = dict(pairs)
    if len(built) != len(pairs):
        raise NotJSONError("a key occurs twice")
    return built


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, strict=False)


def decode(text: str, start: int, budget: Budget) -> tuple[Any, int]:
    """Return the value that begins at `start`, and where it ends.

    Raises:
        NotJSONError: There is none, it is left open, nested too deeply, or the budget is used up.
    """
    budget.spend(200)  # the strict reader may look at the whole rest
    try:
        value, end = _STRICT.raw_decode(text, start)
    except (ValueError, RecursionError):
        value, end = _Reader(text, budget).value(start, 0)
    _refuse_depth(value)
    return value, end


def _refuse_depth(value: Any) -> None:
    """Raise for what is nested so deeply that whoever walks through it could fall."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    if level:
        raise NotJSONError("nested too deeply")


class _Reader:
    """Reads one text; each method takes a position and returns a value with its end."""

    def __init__(self, text: str, budget: Budget) -> None:
        self.text = text
        self.budget = budget

    def value(self, at: int, depth: int) -> tuple[Any, int]:
        self.budget.spend()
        if depth > DEEPEST:
            raise NotJSONError("nested too deeply")
        at = self.skip(at)
        char = self.text[at : at + 1]
        if char == "{":
            return self.object(at + 1, depth)
        if char == "[":
            return self.array(at + 1, depth)
        if char and char in _CLOSING:
            return self.string(at)
        if number := _NUMBER.match(self.text, at):
            return json.loads(number.group()), number.end()
        word = _WORD.match(self.text, at)
        if word and word.group().lower() in _LITERALS:
            return _LITERALS[word.group().lower()], word.end()
        raise NotJSONError("no value")

    def object(self, at: int, depth: int) -> tuple[dict[str, Any], int]:
        pairs: list[tuple[str, Any]] = []
        while (at := self.skip(at)) < len(self.text):
            if self.text[at] == "}":
                return _unique(pairs), at + 1
            key, at = self.key(at)
            at = self.skip(at)
            if self.text[at : at + 1] not in {":", "："}:
                raise NotJSONError("a key without a value")
            value, at = self.value(at + 1, depth + 1)
            pairs.append((key, value))
            at = self.separator(at, "}")
        raise NotJSONError("left open")

    def array(self, at: int, depth: int) -> tuple[list[Any], int]:
        values: list[Any] = []
        while (at := self.skip(at)) < len(self.text):
            if self.text[at] == "]":
                return values, at + 1
            value, at = self.value(at, depth + 1)
            values.append(value)
            at = self.separator(at, "]")
        raise NotJSONError("left open")

    def key(self, at: int) -> tuple[str, int]:
        if self.text[at] in _CLOSING:
            return self.string(at)
        if word := _WORD.match(self.text, at):
            return word.group(), word.end()
        raise NotJSONError("no key")

    def string(self, at: int) -> tuple[str, int]:
        """Read up to the quotation mark after which JSON goes on.

        Others belong to the text, as in 'the dog's bowl'.
        """
        for token in _TOKENS[_CLOSING[self.text[at]]].finditer(self.text, at + 1):
            self.budget.spend()
            if _NEXT_TEXT.match(self.text, token.start()):
                raise NotJSONError("no comma between texts")
            if token.group()[0] != "\\" and _GOES_ON.match(self.text, token.end()):
                inside = self.text[at + 1 : token.start()]
                return _ESCAPE.sub(_meant, inside), token.end()
        raise NotJSONError("a text left open")

    def separator(self, at: int, closing: str) -> int:
        at = self.skip(at)
        found = self.text[at : at + 1]
        if found in {",", "，"}:
            return at + 1
        if found == closing:
            return at
        raise NotJSONError("no comma")

    def skip(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        assert found is not None  # it matches nothing at all, too
        return found.end()


def _meant(escape: re.Match[str]) -> str:
    code, char = escape.groups()
    return chr(int(code, 16)) if code else _ESCAPED.get(char, char)
