"""Concepts out of what a model wrote where concepts were asked for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from imagerag.text import clean
from imagerag.values import Concept, Malformed, Refused
from imagerag_chat.reading.bare import LONGEST_LINE, excerpt, shortened, unquoted
from imagerag_chat.reading.lists import Entry, marked, unmarked
from imagerag_chat.reading.nothings import says_nothing
from imagerag_chat.reading.refusals import is_refusal

LONGEST_NAME = 100

NAMES = (
    "concept", "name", "object", "item", "element", "entity", "subject", "title", "label", "thing",
    "missing_concept", "missing", "what", "feature", "concept_name", "short_name",
)  # fmt: skip
CAPTIONS = (
    "caption", "description", "retrieval_caption", "image_caption", "query", "search_query", "text",
    "prompt", "detail", "details", "search", "detailed_caption", "stand_alone_caption",
)  # fmt: skip
NOTES = ("note", "notes", "reason", "reasoning", "explanation", "comment", "rationale")
_NO_NAMES = {
    *NAMES, *CAPTIONS, *NOTES, "match", "matches", "answer", "result", "verdict", "response",
    "error", "status", "type", "message", "output", "style", "content", "present", "confidence",
}  # fmt: skip
"""Keys that are not the names of concepts in an object that maps names to captions."""
_EMPTY = ("-", "--", "—", "...", "…", "[]", "{}", "false", "no", "null", "nil", "na")
_KINDS = {
    "content", "contents", "style", "styles", "object", "objects", "attribute", "attributes",
    "subject", "subjects", "background", "colors", "colours", "places", "actions", "relations",
    "details", "features", "elements", "entities", "things",
}  # fmt: skip
"""Kinds of concepts, where an object groups them: {"content": […], "style": […]}."""
_NUMBERED = re.compile(r"(?:(?:missing_)?(?:concept|item|object|element|name)_?)?\d{1,3}")
_MARK = re.compile(r"\s*(?:\d{1,2}[.)]|[-*•])\s+")
_SEVERAL = re.compile(r"\n|^\s*(?:[-*•]|\d+[.)])\s")


@dataclass(frozen=True)
class Named:
    """The concepts that were read, each once, and what a reader of the record should know."""

    concepts: tuple[Concept, ...] = ()
    remark: str = ""


Unreadable: TypeAlias = Malformed | Refused


def key(name: Any) -> str:
    """Return the key of an object as it is compared: "Missing concepts" is "missing_concepts"."""
    return re.sub(r"[^a-z0-9]+", "_", str(name).casefold()).strip("_")


def field(
    value: Mapping[str, Any], names: Iterable[str], words: Collection[str] = ()
) -> tuple[bool, Any]:
    """Return whether an object has one of `names`, and the value of the first that it has.

    Else a key counts that holds one of `words`, as "missing_visual_concepts" holds "missing".
    """
    keyed = {key(name): inner for name, inner in value.items()}
    for name in names:
        if name in keyed:
            return True, keyed[name]
    for name, inner in keyed.items():
        parts = name.split("_")
        if any(part in words for part in parts) and not {"no", "not", "non"} & set(parts):
            return True, inner
    return False, None


def read_concepts_of(value: Any, most: int) -> Named | Unreadable:
    """Read the value in which concepts were asked for: a list, or what was written instead.

    Entries may be names, objects with a name and perhaps a caption, pairs, or one object that maps
    names to captions. A concept without a caption is looked up by its name. Numbers, and whatever
    has two meanings, are `Malformed`; a list of nothing but refusals is `Refused`.
    """
    entries = _entries(value)
    if isinstance(entries, Malformed):
        return entries
    return gathered(entries, most)


def gathered(entries: Iterable[Entry], most: int) -> Named | Unreadable:
    """Return the entries as clean concepts: each once, at most `most`, the first ones first."""
    concepts: dict[str, Concept] = {}
    refused = emptied = ""
    for entry in entries:
        text = entry.text[:LONGEST_LINE]
        words = (entry.name or text)[:LONGEST_LINE]
        if _is_empty(words) and _is_empty(text or words):
            continue
        if is_refusal(words):
            refused = words
            continue
        name = clean(unquoted(words), LONGEST_NAME)
        caption = clean(unquoted(text)) or clean(unquoted(words))
        if not _speaks(name):
            emptied = words
            continue
        known = concepts.get(name.casefold())
        if known is None or (known.caption == known.name and caption != name):
            concepts[name.casefold()] = Concept(known.name if known else name, caption)
    if not concepts and refused:
        return Refused(clean(refused))
    if not concepts and emptied:
        return Malformed(f"no concept is left of {excerpt(emptied)} without its markup")
    kept = tuple(concepts.values())
    remark = ""
    if len(kept) > most:
        remark = f"{len(kept)} concepts were named, and the first {most} are kept"
    return Named(kept[:most], remark)


def _entries(value: Any) -> list[Entry] | Malformed:
    if value is None or value is False:
        return []
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, Mapping):
        return _of_object(value)
    if isinstance(value, list):
        return _of_list(value)
    return Malformed(f"concepts were asked for, and the answer has {excerpt(repr(value))}")


def _of_text(text: str) -> list[Entry]:
    """Read a text where a list was asked for: a list in words, or one concept."""
    text = shortened(text)
    if not text.strip() or says_nothing(text):
        return []
    if _SEVERAL.search(text):
        return marked(text) or unmarked(text) or [Entry(text.strip())]
    return unmarked(text) or [Entry(text.strip())]


def _of_object(value: Mapping[str, Any]) -> list[Entry] | Malformed:
    if all(key(name) in _KINDS and isinstance(part, list) for name, part in value.items()):
        return _of_list([inner for part in value.values() for inner in part])
    if all(_NUMBERED.fullmatch(key(name)) for name in value):
        return _of_list(list(value.values()))
    one = _entry(value)
    if isinstance(one, Entry):
        return [one]
    if any(key(name) in _NO_NAMES for name in value):
        return one  # an object with fields of its own, not a table of concepts
    table = []
    for name, inner in value.items():
        text = field(inner, CAPTIONS)[1] if isinstance(inner, Mapping) else inner
        if not isinstance(text, str):
            return one
        table.append(Entry(str(name), text))
    return table


def _of_list(values: list[Any]) -> list[Entry] | Malformed:
    if len(values) == 1 and isinstance(values[0], list) and not _is_pair(values[0]):
        return _of_list(values[0])
    entries = []
    for value in values:
        if value is None or value == "" or value == {} or value == []:
            continue
        read = _entry(value)
        if isinstance(read, Malformed):
            return read
        entries.append(read)
    return entries


def _entry(value: Any) -> Entry | Malformed:
    """Read one entry of a list."""
    unclear = Malformed(f"a concept was asked for, and the answer has {excerpt(repr(value))}")
    if isinstance(value, str):
        return Entry(_MARK.sub("", value, count=1).strip())
    if isinstance(value, list):
        if _is_pair(value):
            return Entry(*value)
        return _entry(value[0]) if len(value) == 1 and not isinstance(value[0], list) else unclear
    if not isinstance(value, Mapping):
        return unclear
    _, caption = field(value, CAPTIONS, ("caption", "description", "query"))
    _, name = field(value, NAMES, ("concept", "name"))
    texts = [text for text in (name, caption) if text not in (None, "", [])]
    if texts and all(isinstance(text, str) for text in texts):
        return Entry(name or "", caption or "")
    if not texts and len(value) == 1:
        [(only, text)] = value.items()
        if isinstance(text, str) and key(only) not in _NO_NAMES:
            return Entry(str(only), text)
    return unclear


def _is_pair(values: list[Any]) -> bool:
    """Say whether a list is a name with its caption, and not two names: the caption repeats it."""
    if len(values) != 2 or not all(isinstance(value, str) for value in values):
        return False
    name, caption = (value.strip().casefold() for value in values)
    return bool(name) and name != caption and name in caption and len(caption.split()) > 2


def _is_empty(text: str) -> bool:
    return text.strip().casefold() in _EMPTY or not text.strip() or says_nothing(text)


def _speaks(name: str) -> bool:
    return any(char.isalnum() for char in name)
