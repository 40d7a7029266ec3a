"""What the distributions of this environment say they have for imagerag.

An installation can be damaged: an entry point without a module, a list of entry points or metadata
that cannot be read. `importlib.metadata.entry_points()` then fails for everybody. Here such a
distribution is named, with what is wrong with it, and all others are found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import PurePath

from imagerag.hooks import GROUP

CORE = "imagerag"

NOBODY = "no-distribution"
"""Owner of an entry point that was handed over by itself, as tests do."""

LIST = "entry_points.txt"


@dataclass(frozen=True)
class Installed:
    """One entry point and whose it is. `trouble` says why it must not be loaded, "" where it may.

    `incompatible` tells another version of the core that is wanted from damage. Where the list of
    entry points itself cannot be read, `point` is None.
    """

    point: metadata.EntryPoint | None
    distribution: str
    version: str
    trouble: str = ""
    incompatible: bool = False

    @property
    def name(self) -> str:
        """The entry point's own name."""
        return self.point.name if self.point else LIST

    @property
    def module(self) -> str:
        """The module it names, "" where that is unknown."""
        return self.point.value if self.point else ""


@dataclass(frozen=True)
class _Owner:
    name: str
    version: str
    requires: tuple[str, ...] = ()
    trouble: str = ""


def installed(given: Iterable[metadata.EntryPoint] | None = None) -> list[Installed]:
    """Return the entry points of imagerag's group, or the given ones, the core's own first.

    One distribution can be on the path twice; the first counts.
    """
    found, seen = [], set()
    points = _environment() if given is None else ((point, point.dist) for point in given)
    owners: dict[int, _Owner] = {}
    for point, distribution in points:
        # Metadata is parsed anew at every access: once for each distribution is enough.
        owner = owners.setdefault(id(distribution), _owner(distribution))
        one = _judged(point, owner)
        if (one.distribution, one.name) not in seen:
            seen.add((one.distribution, one.name))
            found.append(one)
    return sorted(found, key=lambda one: (one.distribution != CORE, one.distribution, one.name))
