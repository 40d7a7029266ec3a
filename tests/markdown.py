"""Reading the documentation: fenced blocks, commands, links and anchors of Markdown files."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(?P<marks>`{3,})(?P<language>[\w-]*)[^\n]*$")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_FILE = re.compile(r"File\s+`([^`]+)`:\s*$")
_EXITS = re.compile(r"#.*\bexits (\d+)\b")


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, its language, its text, and the file it is said to be."""

    line: int
    language: str
    text: str
    file: str | None


@dataclass(frozen=True)
class Command:
    """A line of a shell block: its words, and the exit code it is said to have."""

    line: int
    words: tuple[str, ...]
    exits: int


def blocks(path: Path) -> list[Block]:
    """Return the fenced blocks of a file, in order."""
    found, inside, start, marks, language = [], [], 0, "", ""
    prose = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if marks:
            if line.strip() == marks:
                named = _FILE.search(prose)
                text = "\n".join(inside) + "\n"
                found.append(Block(start, language, text, named and named.group(1)))
                marks, prose = "", ""
            else:
                inside.append(line)
        elif match := _FENCE.match(line):
            marks, language = match["marks"], match["language"]
            inside, start = [], number
        else:
            prose = f"{prose} {line}" if line.strip() else prose
    assert not marks, f"{path}:{start}: this block is not closed"
    return found


def commands(block: Block) -> list[Command]:
    """Return the commands of a shell block; in a console, lines that begin with "$ "."""
    found, joined, first = [], "", 0
    for number, line in enumerate(block.text.splitlines(), start=block.line + 1):
        if block.language == "console":
            if not line.startswith("$ ") and not joined:
                continue
            line = line.removeprefix("$ ")
        first = first or number
        if line.endswith("\\"):
            joined += line[:-1]
            continue
        text, joined = joined + line, ""
        words = shlex.split(text, comments=True)
        if words:
            exits = _EXITS.search(text)
            found.append(Command(first, tuple(words), int(exits.group(1)) if exits else 0))
        first = 0
    return found


def links(path: Path) -> list[str]:
    """Return the targets of all links and images outside code, and outside comments.

    What a comment holds is for the site alone, whose links have a test of their own.
    """
    prose = _COMMENT.sub("", _prose(path))
    return [*_LINK.findall(prose), *_IMAGE.findall(prose)]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a file's headings, as GitHub writes them."""
    headings = re.findall(r"^#+\s+(.+)$", _prose(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in headings}


def _prose(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^(`{3,}).*?^\1\s*$", "", text, flags=re.MULTILINE | re.DOTALL)
