"""Small pieces of Markdown."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

_SHORT = 72
_SECTION = re.compile(r"^(Args|Arguments|Attributes|Raises|Returns|Yields|Example|Note)s?:\s*$")


def cell(text: str) -> str:
    """Return text that stands in a table as it is, whatever signs are in it."""
    joined = " ".join(text.split())
    parts = re.split(r"(`[^`]*`)", joined)
    return "".join(p if p.startswith("`") else _plain(p) for p in parts)


def sentence(text: str) -> str:
    """Return a summary as a sentence: summaries of offers come with and without a full stop."""
    told = cell(text)
    told = told[:1].upper() + told[1:]
    return told if told.endswith((".", "!", "?")) else f"{told}."


def code(text: str) -> str:
    """Return text as code inside a line; a pipe in it may stand in a table."""
    return f"<code>{_plain(text)}</code>" if set(text) & set("|`") else f"`{text}`"


def _plain(text: str) -> str:
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), ("|", "&#124;"), ("*", "&#42;")):
        text = text.replace(sign, entity)
    return text


def value(one: Any) -> str:
    """Return a default as a configuration would hold it."""
    if one is None:
        return "none"
    if isinstance(one, (list, tuple, dict)) and len(one) > 6:
        return f"{len(one)} entries"
    return code(json.dumps(one, ensure_ascii=False))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [f"| {' | '.join(row)} |" for row in (heads, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(heads), *lines[1:]])


def prose(documented: Any) -> str:
    """Return an object's docstring as Markdown: its sections become lists."""
    lines: list[str] = []
    inside = False
    for line in (inspect.getdoc(documented) or "").splitlines():
        if _SECTION.match(line):
            inside = True
            lines += ["", f"*{line.strip().removesuffix(':')}*", ""]
        elif inside and line.startswith("    ") and not line.startswith("     "):
            name, colon, rest = line.strip().partition(": ")
            lines.append(f"* {code(name)}: {_line(rest)}" if colon else f"* {_line(line.strip())}")
        elif inside and line.strip():
            lines.append(f"  {_line(line.strip())}")
        else:
            inside = inside and not line.strip()
            lines.append(_line(line))
    return "\n".join(lines)


def _line(text: str) -> str:
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(p if p.startswith("`") else p.replace("<", "&lt;") for p in parts)


def signature(function: Any) -> str:
    """Return "(…)" of a function as a caller writes it: without self, long ones line by line."""
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return ""
    kept = [p for n, p in found.parameters.items() if n not in ("self", "cls")]
    told = str(found.replace(parameters=kept)).replace("'", "")
    if len(told) <= _SHORT:
        return told
    returned = str(found.replace(parameters=())).removeprefix("(").replace("'", "")
    lines = [f"    {one},".replace("'", "") for one in _listed(kept)]
    return "\n".join(["(", *lines, returned])


def _listed(parameters: list[inspect.Parameter]) -> list[str]:
    """Return the parameters as they are written, with the star before keywords."""
    found, starred = [], False
    for one in parameters:
        starred = starred or one.kind is one.VAR_POSITIONAL
        if one.kind is one.KEYWORD_ONLY and not starred:
            found.append("*")
            starred = True
        found.append(str(one))
    return found
