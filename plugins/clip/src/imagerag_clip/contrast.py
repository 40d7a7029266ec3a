"""The contrast set: what the concepts of a prompt are told apart from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from imagerag.errors import ConfigError
from imagerag.resources import local
from imagerag_clip import vocabulary as words
from imagerag_clip.splitting import Phrase
from imagerag_clip.wording import singular

FAMILIES = ("colour", "pattern", "material")
"""Kinds that hold attribute words: a concept with one of them is also told from its siblings with
another ("red car" from "blue car")."""

SEEN = words.COLOURS | words.PATTERNS
"""Attributes that never make another thing. Other adjectives may: a "hot dog" is no dog."""


class ContrastSet:
    """Names by kind. A picture shows some of them; the critic asks which name fits it best.

    Args:
        names: Names by kind: "object", "background", "style", and the attribute words of
            `FAMILIES`. Repeated names are dropped.
    """

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        cleaned = {
            kind: tuple(dict.fromkeys(text for name in some if (text := " ".join(name.split()))))
            for kind, some in names.items()
        }
        self.families = {kind: cleaned[kind] for kind in FAMILIES if cleaned.get(kind)}
        self.kinds = {kind: n for kind, n in cleaned.items() if kind not in FAMILIES and n}

    @classmethod
    def load(cls, source: str | Iterable[str] | Mapping[str, Iterable[str]]) -> ContrastSet:
        """Take a contrast set as a configuration gives it.

        Args:
            source: Names by kind, object names, or a file with either: JSON, or one object name a
                line. "package:NAME/file" names one inside an installed package.

        Raises:
            ConfigError: The file is not there or has another form, or there is no name in it.
        """
        found = cls._read(source) if isinstance(source, str) else source
        names = found if isinstance(found, Mapping) else {"object": found}
        if not all(
            isinstance(kind, str)
            and not isinstance(some, (str, Mapping))
            and isinstance(some, Iterable)
            and all(isinstance(name, str) for name in some)
            for kind, some in names.items()
        ):
            raise ConfigError(
                f"The contrast set {source!r:.120} is not of the form "
                "{'object': [names], 'background': [names]}."
            )
        contrast = cls(names)
        if not contrast.kinds:
            raise ConfigError(f"The contrast set {source!r:.120} holds no name.")
        return contrast

    @staticmethod
    def _read(source: str) -> Any:
        path = Path(local(source)).expanduser()
        try:
            text = path.read_text(encoding="utf-8")
            return json.loads(text) if path.suffix == ".json" else text.splitlines()
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"The contrast set {source!r} cannot be read: {error}. Set contrast to a JSON "
                "file with names by kind, or to a text file with one name a line."
            ) from error

    def kind_for(self, kind: str) -> str | None:
        """Return the kind whose names a concept of `kind` is compared with, None without any."""
        if kind in self.kinds:
            return kind
        return "object" if kind == "background" and "object" in self.kinds else None

    def rivals(self, phrase: Phrase, present: Iterable[Phrase] = ()) -> list[str]:
        """Return the names that `phrase` must beat to count as seen.

        Left out are names that may be true of the same picture: the other concepts of the prompt
        (`present`), the same name in the plural, the same with a colour or pattern that the
        concept leaves open ("green background": "striped green background"), and, for a concept
        that is in no list, what it is a kind of ("red rescue helicopter": "helicopter").
        """
        kind = self.kind_for(phrase.kind)
        names = self.kinds.get(kind or "", ())
        listed = phrase.name.casefold() in {name.casefold() for name in names}
        others = [_key(other.name) for other in present if other != phrase]
        mine = _key(phrase.name)
        kept = [
            name
            for name in names
            if not _compatible(mine, _key(name), listed)
            and not any(_key(name) == other or _attributed(other, _key(name)) for other in others)
        ]
        return list(dict.fromkeys([*kept, *self._siblings(phrase.name)]))

    def _siblings(self, name: str) -> list[str]:
        """Return `name` with each of its attribute words changed for others of the family."""
        parts = name.split()
        found = []
        for family in self.families.values():
            known = {word.casefold() for word in family}
            for at, part in enumerate(parts[:-1]):
                if part.casefold() in known:
                    found += [
                        " ".join([*parts[:at], word, *parts[at + 1 :]])
                        for word in family
                        if word.casefold() != part.casefold()
                    ]
        return found


def _key(name: str) -> tuple[str, ...]:
    return tuple(singular(word) for word in name.casefold().split())


def _compatible(mine: tuple[str, ...], other: tuple[str, ...], listed: bool) -> bool:
    """Return whether both names may be true of one thing."""
    if mine == other:
        return True
    if listed:  # both are names of this world, so only what says more of the same may be true too
        return _attributed(other, mine, SEEN)
    if _attributed(other, mine, words.ATTRIBUTES) or _attributed(mine, other, words.ATTRIBUTES):
        return True
    return len(other) < len(mine) and mine[-len(other) :] == other


def _attributed(
    longer: tuple[str, ...], shorter: tuple[str, ...], added: frozenset[str] = SEEN
) -> bool:
    """Return whether `longer` is `shorter` with words of `added` before or between."""
    rest = list(longer)
    for word in shorter:
        if word not in rest:
            return False
        rest.remove(word)
    return bool(rest) and all(word in added or word == "and" for word in rest)
