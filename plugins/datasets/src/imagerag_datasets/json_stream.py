"""The lists of one large JSON object, read element by element.

Annotations in the form of COCO are one object with a few long lists: iNaturalist's has more than a
gigabyte. `json` would need all of it in memory, many times over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

LONGEST_ELEMENT = 4_000_000
"""Most characters of one element of a list, or of one value beside the lists."""

_CHUNK = 1 << 18
_SPACE = " \t\r\n"


class JsonError(ValueError):
    """The file is not of this form; the message says where."""


class _Reader:
    """A window over a file of JSON."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0
        self._before = 0
        self._decode = json.JSONDecoder().raw_decode

    def _fill(self) -> bool:
        more = self._file.read(_CHUNK)
        self._before += self._at
        self._text = self._text[self._at :] + more
        self._at = 0
        return bool(more)

    def peek(self) -> str:
        """Return the next character that is no space, "" at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._fill():
                return ""

    def take(self, expected: str) -> str:
        """Return the next character, which must be one of `expected`."""
        found = self.peek()
        if not found or found not in expected:
            raise self.trouble(f"{found!r} where one of {expected!r} belongs")
        self._at += 1
        return found

    def value(self) -> Any:
        """Return the next value."""
        self.peek()
        while True:
            try:
                found, end = self._decode(self._text, self._at)
            except RecursionError as error:
                raise self.trouble("values too deep inside each other") from error
            except ValueError as error:
                if len(self._text) - self._at > LONGEST_ELEMENT:
                    longest = f"{LONGEST_ELEMENT:,}"
                    raise self.trouble(f"a value of more than {longest} characters") from error
                if not self._fill():
                    raise self.trouble("a value that is cut short or damaged") from error
                continue
            if end < len(self._text):
                self._at = end
                return found
            # A number at the end of the window may go on behind it.
            if not self._fill():
                self._at = len(self._text)
                return found

    def trouble(self, what: str) -> JsonError:
        return JsonError(f"{what}, near character {self._before + self._at:,}")


def elements(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (key, element) for each element of each list of the object in a file.

    Other values of the object are read over. Raises `JsonError` and `OSError`.
    """
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        reader = _Reader(file)
        reader.take("{")
        if reader.peek() == "}":
            return
        while True:
            key = reader.value()
            reader.take(":")
            if reader.peek() == "[":
                reader.take("[")
                if reader.peek() == "]":
                    reader.take("]")
                else:
                    while True:
                        yield str(key), reader.value()
                        if reader.take(",]") == "]":
                            break
            else:
                reader.value()
            if reader.take(",}") == "}":
                return
