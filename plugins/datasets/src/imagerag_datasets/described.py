"""What a row or a member's JSON says of its image, under whatever names its columns have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

_NAMES: Mapping[str, tuple[str, ...]] = {
    "file": ("file_name", "filename", "filepath", "file", "image_path", "image", "path", "name"),
    "caption": ("caption", "text", "description", "title", "prompt", "alt_text"),
    "licence": ("licence", "license", "license_name", "rights"),
    "creator": ("creator", "author", "artist", "photographer", "rights_holder", "credit"),
    "source": ("source", "source_url", "url", "link", "original_url", "landing_url"),
    "tags": ("tags", "keywords", "labels", "label", "class_name"),
}

_MOST_TAGS = 100


@dataclass(frozen=True)
class Described:
    """Fields of `Found`; what is not said is "" or None, and never guessed."""

    caption: str = ""
    licence: str | None = None
    creator: str | None = None
    source: str | None = None
    tags: tuple[str, ...] = ()

    def or_else(self, other: Described) -> Described:
        """Return this with what it lacks taken from `other`."""
        return replace(
            self,
            caption=self.caption or other.caption,
            licence=self.licence or other.licence,
            creator=self.creator or other.creator,
            source=self.source or other.source,
            tags=self.tags or other.tags,
        )


class Columns:
    """Which key of a row holds what."""

    def __init__(self, **chosen: str | None) -> None:
        """Use the given keys, `caption="blip"`, and the usual names for the others."""
        self._chosen = {field: key for field, key in chosen.items() if key}

    def key(self, row: Mapping[str, Any], field: str) -> str | None:
        """Return the key of a row that holds a field, None where there is none."""
        if field in self._chosen:
            return self._chosen[field] if self._chosen[field] in row else None
        plain = {key.strip().lower().replace(" ", "_").replace("-", "_"): key for key in row}
        return next((plain[name] for name in _NAMES[field] if name in plain), None)

    def value(self, row: Mapping[str, Any], field: str) -> Any:
        """Return the value of a field, None where there is none."""
        key = self.key(row, field)
        return None if key is None else row[key]

    def described(self, row: Mapping[str, Any]) -> Described:
        """Return what a row says."""
        return Described(
            caption=text(self.value(row, "caption")),
            licence=text(self.value(row, "licence")) or None,
            creator=text(self.value(row, "creator")) or None,
            source=text(self.value(row, "source")) or None,
            # A class that is only a number says nothing.
            tags=tuple(one for one in tags(self.value(row, "tags")) if not one.isdigit()),
        )


def text(value: Any) -> str:
    """Return a value as text; "" for what is neither text nor a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()


def tags(value: Any) -> tuple[str, ...]:
    """Return tags from a list, or from a text that separates them by comma, semicolon or bar."""
    if isinstance(value, str):
        value = value.replace(";", ",").replace("|", ",").split(",")
    if not isinstance(value, list | tuple):
        value = [value]
    found = (text(one) for one in value[:_MOST_TAGS])
    return tuple(tag for tag in found if tag)


def from_json(data: bytes) -> Mapping[str, Any] | None:
    """Return the object that a member's JSON holds; None where it holds none."""
    try:
        value = json.loads(data.decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
