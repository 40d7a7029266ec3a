"""Sentences: the caption of a picture, and the instructions to edit one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from imagerag.text import clean
from imagerag.values import EditPlan, Edits, Malformed, Refused
from imagerag_chat.question import Trouble
from imagerag_chat.reading.answers import read, refusal_in, refused, unwrapped
from imagerag_chat.reading.bare import LONGEST_LINE, excerpt, shortened, unquoted
from imagerag_chat.reading.concepts import CAPTIONS, NOTES, field
from imagerag_chat.reading.lists import marked
from imagerag_chat.reading.nothings import says_nothing

INSTRUCTION = ("instruction", "edit", "action", "step", "change", "text", "description", "command")
EDITS = (
    "edits",
    "instructions",
    "steps",
    "changes",
    "edit_instructions",
    "actions",
    "plan",
    "list",
)

_PREAMBLE = re.compile(
    r"(?:(?:sure|certainly|of course|okay|ok)[!,.:]\s*)?(?:here(?:'s| is| are)\b[^:\n]{0,80}[:]\s*|"
    r"(?:the |a |one[- ]sentence |image |picture )?(?:caption|description|answer)\s*[:：]\s*)?",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"(?:please |then |now |next,? |also |finally,? )?"
    r"(?:add|remove|replace|change|make|move|turn|recolou?r|"
    r"paint|draw|put|place|insert|delete|erase|increase|decrease|reduce|enlarge|shrink|swap|adjust|"
    r"set|give|rotate|crop|blur|brighten|darken|shift|extend|fix|correct|restyle|render|transform|"
    r"convert|colou?r|widen|open|close|straighten|lower|raise|shorten|lengthen|let|have|use)\b",
    re.IGNORECASE,
)


def read_caption(answer: Any) -> str | Trouble:
    """Read a caption: the first sentence or line that describes, without what introduces it."""
    return read(answer, _caption, _caption_in_words)


def read_edits(answer: Any, most: int) -> EditPlan:
    """Read instructions to edit a picture, in order; none where nothing needs to change."""
    return read(answer, lambda value: _edits(value, most), lambda text: _edits_in_words(text, most))


def _caption(value: Any) -> str | Malformed | Refused | None:
    if isinstance(value, list) and len(value) == 1:
        [value] = value
    if isinstance(value, Mapping):
        named, said = field(value, CAPTIONS)
        if not named or not isinstance(said, str):
            return refusal_in(value) or Malformed(f"no caption in {excerpt(repr(value))}")
        value = said
    if not isinstance(value, str):
        return None
    return refused(value) or _caption_in_words(shortened(value))


def _caption_in_words(text: str) -> str | None:
    text = _PREAMBLE.sub("", text.strip(" \t\n*_#"), count=1).strip()
    lines = [line.strip(" \t*_#>-•") for line in text.splitlines()]
    lines = [line for line in lines if line]
    line = next((line for line in lines if not line.endswith(":")), "")
    caption = clean(unquoted(line))
    return caption if any(char.isalnum() for char in caption) else None


def _edits(value: Any, most: int) -> EditPlan | None:
    value = unwrapped(value, (*EDITS, *INSTRUCTION))
    said: Any = value
    note = ""
    if isinstance(value, Mapping):
        named, said = field(value, EDITS)
        if not named:
            if refusal := refusal_in(value):
                return refusal
            said = [value]
        reason = field(value, NOTES)[1]
        note = clean(reason) if isinstance(reason, str) else ""
    if said is None:
        return Edits((), note)
    if isinstance(said, str):
        read = _edits_in_words(shortened(said), most) or _gathered([said], most)
        return Edits(read.instructions, note or read.note) if isinstance(read, Edits) else read
    if not isinstance(said, list):
        return Malformed(f"no edits: {excerpt(repr(said))}")
    texts = []
    for entry in said:
        text = field(entry, INSTRUCTION)[1] if isinstance(entry, Mapping) else entry
        if text is not None and not isinstance(text, str):
            return Malformed(f"no instruction: {excerpt(repr(entry))}")
        if isinstance(entry, Mapping) and not text:
            return Malformed(f"no instruction: {excerpt(repr(entry))}")
        texts.append(text or "")
    return _gathered(texts, most, note)


def _edits_in_words(text: str, most: int) -> EditPlan | None:
    if says_nothing(text):
        return Edits(())
    if entries := marked(text):
        return _gathered([entry.whole or entry.name for entry in entries], most)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.endswith(":")]
    if lines and all(_VERB.match(line) for line in lines):
        return _gathered(lines, most)
    return None


def _gathered(texts: list[str], most: int, note: str = "") -> EditPlan:
    """Return clean instructions, each once and at most `most`."""
    instructions: dict[str, str] = {}
    lost = ""
    for text in (text[:LONGEST_LINE] for text in texts):
        if not text.strip() or says_nothing(text):
            continue
        if refusal := refused(text):
            return refusal
        instruction = clean(unquoted(re.sub(r"^\s*(?:\d{1,2}[.)]|[-*•])\s+", "", text)))
        if any(char.isalnum() for char in instruction):
            instructions.setdefault(instruction.casefold(), instruction)
        else:
            lost = text
    if lost and not instructions:
        return Malformed(f"no instruction is left of {excerpt(lost)} without its markup")
    kept = tuple(instructions.values())
    if len(kept) > most:
        note = "; ".join(
            part
            for part in (note, f"{len(kept)} edits were named, and the first {most} are kept")
            if part
        )
    return Edits(kept[:most], note)
