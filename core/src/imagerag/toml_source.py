"""TOML files that can say on which line a key stands."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagerag.errors import ConfigError

_TABLE = re.compile(r"^\s*\[{1,2}\s*([^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-\"']+)(?:\s*\.\s*[A-Za-z0-9_\-.\"']+)?\s*=")


@dataclass(frozen=True)
class TomlSource:
    """The values of one file, and where each key of a table was written."""

    name: str
    values: dict[str, Any]
    lines: dict[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> TomlSource:
        """Read a file; raises `ConfigError` naming file, line and trouble."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError as error:
            raise ConfigError(
                f"there is no configuration file {str(path)!r}. `imagerag init` writes one."
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{str(path)!r} cannot be read: {error}") from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, name: str) -> TomlSource:
        """Parse TOML text; `name` stands for it in messages."""
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{name}: not valid TOML: {error}") from error
        return cls(name, values, _lines(text))

    def place(self, table: str, key: str = "") -> str:
        """Return "file:line" of a key or, with no key, of its table; "file" where unknown."""
        # A table can also be a key: `loop = {…}`, `loop.keep = …`, or a heading nobody knows.
        wanted = [(table, key), (table, ""), ("", table), *([] if table else [(key, "")])]
        # The table of a component inside another's may be written inline, on a line of the other's.
        parts = table.split(".")
        for end in range(len(parts) - 1, 0, -1):
            outer = ".".join(parts[:end])
            wanted += [(outer, parts[end]), (outer, "")]
        line = next((self.lines[place] for place in wanted if place in self.lines), None)
        return f"{self.name}:{line}" if line else self.name

    def holds(self, table: str, key: str = "") -> bool:
        """Say whether this file wrote that key, or that table (dotted where it is inside one)."""
        found: list[Any] = [self.values]
        for name in table.split(".") if table else ():
            inside = [value.get(name) for value in found if isinstance(value, dict)]
            found = [v for value in inside for v in (value if isinstance(value, list) else [value])]
        return any(isinstance(v, dict) and (not key or key in v) for v in found)


def _lines(text: str) -> dict[tuple[str, str], int]:
    """Map (table, key) to a line number; good enough for messages, whatever the layout."""
    lines: dict[tuple[str, str], int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _TABLE.match(line):
            table = match.group(1).strip("\"'")
            lines.setdefault((table, ""), number)
        elif match := _KEY.match(line):
            lines.setdefault((table, match.group(1).strip("\"'")), number)
    return lines
