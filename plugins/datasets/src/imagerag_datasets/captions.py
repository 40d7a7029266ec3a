"""Captions and tags from the names of classes."""

from __future__ import annotations

import re


def words(name: str) -> str:
    """Return the name of a class as words: "001.Laysan_Albatross" → "Laysan Albatross"."""
    bare = re.sub(r"^\d+\.", "", name.strip())
    return " ".join(bare.replace("_", " ").split())


def caption(template: str, name: str) -> str:
    """Fill `{name}` and `{a}` of a template; "" for no name.

    Nothing else in a template has a meaning, so that neither a template nor a name can reach
    attributes as `str.format` would.
    """
    if not name:
        return ""
    article = "an" if name[0].lower() in "aeiou" else "a"
    parts = re.split(r"(\{name\}|\{a\})", template)
    return "".join({"{name}": name, "{a}": article}.get(part, part) for part in parts)


def tags(*texts: str, split: str = "") -> tuple[str, ...]:
    """Return the texts that are any, each once, with the tag of a split at the end."""
    found = [text for text in texts if text]
    if split:
        found.append(f"split:{split}")
    return tuple(dict.fromkeys(found))
