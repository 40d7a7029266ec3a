"""What was skipped, gathered by reason: a person reads ten lines, not ten thousand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

EXAMPLES = 3

_PARTICULAR = re.compile(r"'[^']*'|\"[^\"]*\"|[0-9][0-9.,]*")
"""What differs between two reasons of one kind: names in quotes, and numbers."""


@dataclass(frozen=True)
class Group:
    """How many were skipped for one reason, in the words of the first, and the first names."""

    reason: str
    count: int
    examples: tuple[str, ...]


def grouped(skipped: Iterable[tuple[str, str]]) -> list[Group]:
    """Return (name, reason) pairs by reason, the most frequent first."""
    groups: dict[str, Group] = {}
    for name, reason in skipped:
        kind = _PARTICULAR.sub("#", reason)
        old = groups.get(kind, Group(reason, 0, ()))
        names = old.examples if len(old.examples) >= EXAMPLES else (*old.examples, name)
        groups[kind] = Group(old.reason, old.count + 1, names)
    return sorted(groups.values(), key=lambda group: -group.count)
