"""Which items of a collection a search may find, as data: for configurations and command lines.

A filter is called with an item, so it is what `Retriever.search` takes as `where`.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BeforeValidator, Field, PlainSerializer, StrictBool, field_validator

from imagerag.component_config import ComponentConfig
from imagerag.errors import UsageError, suggestion
from imagerag.licences import licence_allowed
from imagerag.values import Item

_KEYS = {"licence": "licences", "license": "licences", "tag": "tags", "creator": "creators"}
_FORMS = "licence=A,B  tag=A,B  creator=A,B  private=yes|no  added>=DATE  added<DATE"
_ANSWERS = {"yes": True, "true": True, "no": False, "false": False}


def _moment(value: Any) -> Any:
    """Read a day, or a day with a time, as a moment; without a zone it is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise ValueError(
                f"{value!r} is no date: write 2026-01-31, or 2026-01-31T12:00:00Z"
            ) from error
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise ValueError(f"{value!r} is no date: write 2026-01-31")
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _told(moment: datetime) -> str:
    if moment.time() == time():
        return moment.date().isoformat()
    return moment.replace(tzinfo=None).isoformat() + "Z"


Moment: TypeAlias = Annotated[
    datetime, BeforeValidator(_moment), PlainSerializer(_told, return_type=str)
]
"""A moment in UTC; a day alone is its first moment."""


class Filter(ComponentConfig):
    """Which items may be found: those that every condition given holds for.

    Where a condition names several values, one of them is enough. What is unknown of an item meets
    no condition: an item without a licence passes no list of licences.
    """

    licences: tuple[str, ...] = Field(
        (),
        description="Licences, of which an item has one. 'CC BY 4.0' is 'CC-BY-4.0'; 'CC-BY' is "
        "every version of it; an unknown licence is none of them.",
    )
    tags: tuple[str, ...] = Field((), description="Tags, of which an item has at least one.")
    creators: tuple[str, ...] = Field((), description="Creators, of whom one made the item.")
    private: StrictBool | None = Field(
        None, description="Only private items (true), or only others (false)."
    )
    added_after: Moment | None = Field(
        None, description="Only items that were added at this moment (UTC) or later."
    )
    added_before: Moment | None = Field(
        None, description="Only items that were added before this moment (UTC)."
    )

    @field_validator("licences", "tags", "creators", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("licences", "tags", "creators")
    @classmethod
    def _no_empty_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if any(not name.strip() for name in names):
            raise ValueError("an empty name stands for nothing: leave it out")
        return names

    def __call__(self, item: Item) -> bool:
        """Say whether an item passes."""
        if self.private is not None and item.private != self.private:
            return False
        if self.licences and not licence_allowed(item.licence, self.licences):
            return False
        if self.tags and self._tags.isdisjoint(map(_plain, item.tags)):
            return False
        if self.creators and _plain(item.creator or "") not in self._creators:
            return False
        return self._in_time(item.added)

    def __bool__(self) -> bool:
        """Say whether there is any condition."""
        return self != type(self)()

    def __str__(self) -> str:
        """Return the text form, with one condition after the other: what `parse` reads."""
        return "  ".join(self.texts())

    def texts(self) -> list[str]:
        """Return each condition as it is written after `--where`."""
        lists = (("licence", self.licences), ("tag", self.tags), ("creator", self.creators))
        found = [f"{key}={','.join(map(_quoted, names))}" for key, names in lists if names]
        if self.private is not None:
            found.append(f"private={'yes' if self.private else 'no'}")
        if self.added_after is not None:
            found.append(f"added>={_told(self.added_after)}")
        if self.added_before is not None:
            found.append(f"added<{_told(self.added_before)}")
        return found

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Read conditions as a command line has them: "licence=CC0,CC-BY", "added>=2026-01-01".

        A comma separates values; one with a comma in it stands in double quotes. Raises
        `UsageError` for what is no condition, and where one stands twice.
        """
        values: dict[str, Any] = {}
        for text in texts:
            key, value = _condition(text)
            if key in values:
                raise UsageError(
                    f"--where {text!r} is the second of its kind: write one, with the values "
                    "separated by commas."
                )
            values[key] = value
        return cls(**values)

    @cached_property
    def _tags(self) -> frozenset[str]:
        return frozenset(map(_plain, self.tags))

    @cached_property
    def _creators(self) -> frozenset[str]:
        return frozenset(map(_plain, self.creators))

    def _in_time(self, added: str) -> bool:
        if self.added_after is None and self.added_before is None:
            return True
        try:
            moment = _moment(added)
        except ValueError:
            return False  # unknown
        after = self.added_after is None or moment >= self.added_after
        return after and (self.added_before is None or moment < self.added_before)


def _condition(text: str) -> tuple[str, Any]:
    """Return the field that a condition sets, and its value."""
    for sign, key in ((">=", "added_after"), ("<", "added_before")):
        name, found, value = text.partition(sign)
        if found and name.strip() == "added" and not value.startswith("="):
            try:
                return key, _moment(value)
            except ValueError as error:
                raise UsageError(f"--where {text!r}: {error}.") from error
    name, equals, value = (part.strip() for part in text.partition("="))
    if equals and name == "private" and value.lower() in _ANSWERS:
        return name, _ANSWERS[value.lower()]
    if equals and name in _KEYS:
        return _KEYS[name], _values(value, text)
    known = [*_KEYS, "private", "added"]
    name = name.rstrip("<> ")
    hint = "" if name in known else suggestion(name, known)
    raise UsageError(f"--where {text!r} is no condition.{hint} The forms are: {_FORMS}")


def _values(value: str, text: str) -> Sequence[str]:
    try:
        [row] = csv.reader([value], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError) as error:
        raise UsageError(f"--where {text!r}: the values cannot be read: {error}.") from error
    names = tuple(one.strip() for one in row)
    if not names or not all(names):
        raise UsageError(f"--where {text!r} names nothing. The forms are: {_FORMS}")
    return names


def _quoted(name: str) -> str:
    plain = not any(sign in name for sign in ',"\n\r') and name == name.strip()
    return name if plain else '"' + name.replace('"', '""') + '"'


def _plain(text: str) -> str:
    """Return a text in the form in which two that read alike are equal."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
