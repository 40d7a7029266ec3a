"""Writing to the terminal: text for people on one side, JSON for programs on the other."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

_STEERING = {
    code: f"\\u{code:04x}"
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\n\t"
}
"""Control characters, which steer a terminal, and those that turn the direction of writing: what is
written may come from a stranger's record, a model or a server. As JSON has them, they do nothing.
"""


def say(text: str = "") -> None:
    """Write one line to standard output."""
    sys.stdout.write(text.translate(_STEERING) + "\n")


def note(text: str) -> None:
    """Write one line to standard error, where it does not mix with results."""
    sys.stderr.write(text.translate(_STEERING) + "\n")


def say_json(value: Any) -> None:
    """Write a value as indented JSON, the only thing on standard output under `--json`."""
    say(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out rows in columns as wide as their widest cell."""
    lines = [list(headings), *[list(row) for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headings))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
