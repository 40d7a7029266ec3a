"""Lists as models write them without JSON: numbers, bullets, lines, or names between commas."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imagerag_chat.reading.bare import unquoted

_MARK = re.compile(
    r"""(?P<indent>[ \t]*)(?:
        [-*+–—]\s+|[-–](?=[^\W\d])                      # - hedgehog
        |\#\d{1,3}[.:)]?\s+|[IVX]{1,4}[.)]\s+          # #1 hedgehog
        |[•●○▪◦‣⁃▸►·・◆■□✗✘✕❌]+\s*                     # • hedgehog
        |[(（\[【]\s*\d{1,3}\s*[)）\]】]\s*[.:、]?\s*      # (1) hedgehog
        |\d{1,3}\s*(?:[)）、．]|[.:：](?![\d])|\s?[-–—]\s)\s*  # 1. hedgehog
        |[①-⑳]\s*|\d\ufe0f?\u20e3\s*                    # ① hedgehog, and its emoji
        |[a-hA-H][.)]\s+
        |(?:concept|item|element|caption|edit|step|instruction|missing)\s+\#?\d{1,3}\s*[:.)：–-]\s*
    )(?:\[[ xX✓]?\]\s+)?""",
    re.VERBOSE | re.IGNORECASE,
)
_INITIAL = re.compile(r"\s*[A-Z]\.\s")  # of a name, where it stands alone: "E. coli"
_INLINE = re.compile(r"(?<!\S)[(（]?(\d{1,2})[.)）](?!\d)\s*")
_FENCE_LINE = re.compile(r"\s*```[\w+-]*\s*$")
_SHOWN = re.compile(
    r"[\W_]*(?:(?!missing|not|absent|lacking)[\w']+\s+){0,5}"
    r"(?:present|shown|visible|included|correct|matching|depicted)\b",
    re.IGNORECASE,
)
_HEADING_END = (":", "：")
_HEADING = re.compile(r"\s*(?:#{1,6}\s|\*\*[^*]+\*\*\s*:?\s*$)")
_LEAD_IN = re.compile(
    r"[^:：\n]{0,80}?(?:concepts?|missing|elements?|captions?|edits?|list|konzepte?|fehl\w*|"
    r"manqu\w*|falta\w*|manca\w*|отсутств\w*|欠け\S*|不足\S*|缺\S*|概念|المفقودة|مفقود\S*)"
    r"[^:：\n]{0,40}[:：][\s*]*",
    re.IGNORECASE,
)
_ANNOUNCED = re.compile(
    r"(?:^|[.!;,]\s*)\W{0,8}(?:the )?"
    r"(?:(?:missing|lacking|absent)(?: (?:concepts?|elements?|objects?|items?|things?))?|"
    r"(?:concepts?|elements?|objects?) missing)(?: (?:is|are))?\s*[:：=]\s*(?=\S)",
    re.IGNORECASE,
)
_ROW = re.compile(r"\s*\|[^|]+\|.*\|\s*|\s*\|[^|]+\|\s*")
_HEAD = re.compile(r"(?:missing )?(?:concepts?|names?|objects?|elements?|items?|#|no\.?)", re.I)
_LABEL = re.compile(r"[\s*_]*(?:caption|description|query)[\s*_]*[:：][\s*_]*", re.IGNORECASE)
_NAME_LABEL = re.compile(
    r"[\s*_]*(?:concept|name|object|item|element)[\s*_]*[:：][\s*_]*", re.IGNORECASE
)
_BOLD = re.compile(
    r"\s*\*\*(?P<name>[^*]{1,100})\*\*\s*[:：]?\s*(?:[-–—:：]\s*|→\s*)?(?P<rest>.*)", re.DOTALL
)
_SPLIT = re.compile(r"\s*(?:[:：]\s+|：|\s[-–—]\s|\s?(?:→|->|=>)\s?)\s*")
_COMMAS = re.compile(r"\s*[,;、，；]\s*")
_POLITE = re.compile(
    r"(?:here (?:is|are)|sure\b|certainly\b|of course\b|okay\b|ok\b|let me know|i hope|"
    r"hier sind|voici|aquí|以下|вот)",
    re.IGNORECASE,
)
_SENTENCE_END = (".", "!", "?", "。", "！", "？", ":", "：")


@dataclass(frozen=True)
class Entry:
    """One entry of a list: a name, and the text that explains it, "" where there is none.

    `whole` is what was written, before it was split and tidied.
    """

    name: str
    text: str = ""
    whole: str = ""


def marked(answer: str) -> list[Entry]:
    """Return the entries of an answer with numbers, bullets or labels, without what is around them.

    Entries under a heading such as "Present:" are left out: they are not what was asked for.
    """
    lines = [line for line in _lines(answer) if not _FENCE_LINE.match(line)]
    if rows := [line for line in lines if _ROW.fullmatch(line)]:
        return _table(rows)
    if not any(_MARK.match(_unbold(line)) for line in lines):
        labelled = _labelled(lines)
        return labelled or [entry(part) for part in _inline(" ".join(lines))]
    if len(lines) == 1:
        if _INITIAL.match(lines[0]):
            return []
        return [found for part in _inline(lines[0]) if (found := entry(part)).name]
    entries: list[Entry] = []
    wanted, first_indent = True, None
    for line in lines:
        mark = _MARK.match(_unbold(line))
        if mark is None:
            if line.rstrip(" *_").endswith(_HEADING_END) or _HEADING.match(line):
                wanted, first_indent = _SHOWN.match(line) is None, None
            elif wanted and entries and (line[:1].isspace() or _LABEL.match(line)):
                entries[-1] = _explained(entries[-1], line)
            continue
        if not wanted:
            continue
        words = _unbold(line)[mark.end() :]
        indent = len(mark["indent"].expandtabs(4))
        if first_indent is None or indent <= first_indent or not entries:
            first_indent = indent if first_indent is None else min(indent, first_indent)
            entries.append(entry(words))
        else:
            entries[-1] = _explained(entries[-1], words)
    return [found for found in entries if found.name]


def unmarked(answer: str, *, sentences: bool = False) -> list[Entry]:
    """Return the entries of a list without marks: one a line, or between commas on one line.

    Empty where it reads like prose, a whole sentence included unless `sentences` are entries. What
    introduces the list is dropped.
    """
    lines = [line.replace("**", "") for line in _lines(answer) if not _FENCE_LINE.match(line)]
    lines = [line[lead.end() :] if (lead := _LEAD_IN.match(line)) else line for line in lines]
    lines = [line.strip() for line in lines if line.strip() and not _introduces(line.strip())]
    if not sentences and any(_is_sentence(line) for line in lines):
        return []
    if len(lines) == 1:
        line = lines[0]
        line = line[1:-1] if line[0] == "[" and line[-1] == "]" else line
        parts = [unquoted(part) for part in _COMMAS.split(line) if part]
        if len(parts) > 1 and all(_short(part, 5, 12) for part in parts):
            parts = [re.sub(r"^(?:and|or|und|et|y|e)\s+", "", part) for part in parts]
            return [Entry(_tidy(part)) for part in parts]
    if lines and all(_short(line.partition(": ")[0], 8, 24) for line in lines):
        return [entry(line) for line in lines]
    return []


def announced(answer: str) -> list[Entry]:
    """Return what follows "missing:" on its line, between commas, where a review is in words."""
    for line in _lines(answer):
        if found := _ANNOUNCED.search(line.replace("**", "")):
            return unmarked(line.replace("**", "")[found.end() :])
    return []


def entry(words: str) -> Entry:
    """Split "name: text" or "name - text"; a separator in quotation marks is part of the name."""
    if bold := _BOLD.match(words):
        name = _tidy(_NAME_LABEL.sub("", bold["name"]))
        return Entry(name, unquoted(bold["rest"].strip()), words.replace("**", "").strip())
    words = words.replace("**", "")
    if label := _NAME_LABEL.match(words):
        words = words[label.end() :]
    for separator in _SPLIT.finditer(words):
        name, text = words[: separator.start()], words[separator.end() :]
        if len(name) > 80 or len(name.split()) > 8:
            break
        if name.strip() and text.strip() and _closed(name):
            text = text[label.end() :] if (label := _LABEL.match(text)) else text
            return Entry(_tidy(name), unquoted(text.strip()), words.strip())
    return Entry(_tidy(words), whole=words.strip())


def _lines(answer: str) -> list[str]:
    return [line.rstrip() for line in answer.splitlines() if line.strip(" \t*_-=")]


def _table(rows: list[str]) -> list[Entry]:
    """Read a table of names and captions, without its head and the line below that."""
    entries = []
    for row in rows:
        cells = [cell.replace("**", "").strip() for cell in row.strip().strip("|").split("|")]
        cells = [cell for cell in cells if cell and not cell.isdecimal()]
        if not cells or not cells[0].strip(":- ") or _HEAD.fullmatch(cells[0]):
            continue
        entries.append(Entry(_tidy(cells[0]), unquoted(cells[1]) if len(cells) > 1 else ""))
    return entries


def _labelled(lines: list[str]) -> list[Entry]:
    """Read "Concept: …" and "Caption: …" lines in turn."""
    entries: list[Entry] = []
    for line in lines:
        if label := _NAME_LABEL.match(line):
            entries.append(entry(line[label.end() :]))
        elif entries and _LABEL.match(line):
            entries[-1] = _explained(entries[-1], line)
    return [found for found in entries if found.name]


def _unbold(line: str) -> str:
    """Free a mark that is printed bold together with its words: "**1. hedgehog**"."""
    return re.sub(r"^(\s*)\*\*(?=\s*[\d(（])(.*?)\*\*", r"\1\2", line)


def _explained(parent: Entry, words: str) -> Entry:
    """Add the text of a sub-entry or of an indented line, unless there is one already."""
    words = words.strip()
    if label := _LABEL.match(words):
        words = words[label.end() :]
    return parent if parent.text or not words else Entry(parent.name, unquoted(words))


def _inline(line: str) -> list[str]:
    """Return the entries of "1) hedgehog 2) ball", whose numbers must go up from 1."""
    marks: list[re.Match[str]] = []
    for mark in _INLINE.finditer(line):
        if int(mark[1]) == len(marks) + 1:
            marks.append(mark)
    if len(marks) < 2:
        return [line[only.end() :]] if (only := _MARK.match(line)) else []
    ends = [mark.start() for mark in marks[1:]] + [len(line)]
    return [line[mark.end() : end].strip(" ,;") for mark, end in zip(marks, ends, strict=True)]


def _introduces(line: str) -> bool:
    return line.rstrip(" *_").endswith(_HEADING_END) or _POLITE.match(line) is not None


def _is_sentence(line: str) -> bool:
    return len(line.split()) > 3 and line.rstrip().endswith((".", "。"))


def _short(text: str, words: int, signs: int) -> bool:
    """Say whether a text is as short as a name: in words, or in signs where there are no spaces."""
    letters = sum(char.isalnum() or char.isspace() for char in text)
    if letters < 0.7 * len(text) or not any(char.isalpha() for char in text):
        return False
    if text.rstrip(" \"'”").endswith(_SENTENCE_END[1:]) or re.search(r"[.!?。！？]\s*\w", text):
        return False
    wide = sum(ord(char) > 0x2E7F for char in text)
    return len(text) <= signs if wide > len(text) / 2 else len(text.split()) <= words


def _closed(text: str) -> bool:
    """Say whether no quotation mark is open at the end of `text`."""
    return text.count('"') % 2 == 0 and all(
        text.count(opening) <= text.count(closing) for opening, closing in ("“”", "«»", "()")
    )


def _tidy(name: str) -> str:
    name = unquoted(name.strip().strip("*_").strip())
    return unquoted(name.rstrip(".;,:。；，、：").strip())
