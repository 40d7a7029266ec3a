"""What the distributions of this environment say they have for imagerag.

An installation can be damaged: an entry point that names no module, a list of entry points or
metadata that cannot be read. `importlib.metadata.entry_points()` then fails for everybody. Here
such a distribution is named, with what is wrong with it, and all others are found.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import PurePath

from imagerag.hooks import GROUP

CORE = "imagerag"

NOBODY = "no-distribution"
"""Owner of an entry point that was handed over by itself, as tests do."""

_LIST = "entry_points.txt"

_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OF_AN_EXTRA = re.compile(r""";\s*extra\s*==\s*(?:'[^'"]*'|"[^'"]*")\s*$""")
_BOUND = re.compile(r"([<>]=?)([0-9]+(?:\.[0-9]+)*)")
_PLAIN = re.compile(r"(?P<release>[0-9]+(?:\.[0-9]+)*)(?P<step>\.dev[0-9]+)?")
_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_COMPARE_STEP = {**_COMPARE, ">=": operator.gt}
"""For a step on the way to a release: it comes before that release, and after all below it."""


@dataclass(frozen=True)
class Installed:
    """One entry point and whose it is. `trouble` says why it must not be loaded, "" where it may.

    `incompatible` tells a wish for another core from damage. `point` is None where the list of
    entry points itself cannot be read.
    """

    point: metadata.EntryPoint | None
    distribution: str
    version: str
    trouble: str = ""
    incompatible: bool = False

    @property
    def name(self) -> str:
        """The entry point's own name."""
        return self.point.name if self.point else _LIST

    @property
    def module(self) -> str:
        """What it names, "" where that is unknown."""
        return self.point.value if self.point else ""


@dataclass(frozen=True)
class _Owner:
    name: str
    version: str
    requires: tuple[str, ...] = ()
    trouble: str = ""


def installed(given: Iterable[metadata.EntryPoint] | None = None) -> list[Installed]:
    """Return the entry points of imagerag's group, or just the given ones; the core's own first.

    A distribution that is on the path twice counts once, as it is first found.
    """
    if given is None:
        try:
            given = metadata.entry_points(group=GROUP)
        except Exception:  # whatever a damaged file of anybody's makes the parser raise
            return _in_order(_one_by_one())
    points = list(given)  # holds the distributions, so that each keeps its identity
    owners: dict[int, _Owner] = {}
    found = []
    for point in points:
        # Metadata is parsed at each access: once for each distribution is enough.
        if id(point.dist) not in owners:
            owners[id(point.dist)] = _owner(point.dist)
        found.append(_judged(point, owners[id(point.dist)]))
    return _in_order(found)


def _in_order(found: Iterable[Installed]) -> list[Installed]:
    first: dict[tuple[str, str], Installed] = {}
    for one in found:
        first.setdefault((one.distribution, one.name), one)
    return [first[key] for key in sorted(first, key=lambda key: (key[0] != CORE, key[0], key[1]))]


def _one_by_one() -> Iterator[Installed]:
    """Yield what each distribution has, in the order of the path, and whose list is damaged."""
    seen = set()
    for distribution in metadata.distributions():
        owner = _owner(distribution)
        if owner.name in seen:
            continue
        seen.add(owner.name)
        try:
            points = distribution.entry_points.select(group=GROUP)
        except Exception as error:
            told = f"its {_LIST} cannot be read: {_first_wrong(distribution) or _told(error)}"
            yield Installed(None, owner.name, owner.version, told)
        else:
            for point in points:
                yield _judged(point, owner)


def _first_wrong(distribution: metadata.Distribution) -> str:
    """Say which line is no entry point, "" where that is not the trouble."""
    try:
        lines = (distribution.read_text(_LIST) or "").splitlines()
    except Exception:
        return ""
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text and not text.startswith(("[", "#", ";")) and "=" not in text:
            return f"line {number}, {text!r}, is not of the form NAME = MODULE"
    return ""


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _owner(distribution: metadata.Distribution | None) -> _Owner:
    if distribution is None:
        return _Owner(NOBODY, "0")
    # The folder's name, "thing-1.0.dist-info", is what is left where metadata is damaged.
    folder = PurePath(getattr(distribution, "_path", "")).stem
    name, _, version = folder.partition("-")
    name = name or NOBODY
    try:
        head = distribution.metadata
        # A damaged installation has metadata without a name. (No `get`: their type lacks it.)
        name = head["Name"] if "Name" in head else name  # noqa: SIM401
        version = head["Version"] if "Version" in head else version  # noqa: SIM401
        requires = head.get_all("Requires-Dist") or distribution.requires
    except Exception as error:
        return _Owner(name, version or "0", (), f"its METADATA cannot be read: {_told(error)}")
    return _Owner(name, version or "0", tuple(requires or ()))


def _judged(point: metadata.EntryPoint, owner: _Owner) -> Installed:
    trouble, incompatible = owner.trouble, False
    if not trouble and not point.pattern.match(point.value):
        trouble = f"its entry point {point.name!r} names {point.value!r}, which is no module"
    if not trouble:
        trouble = wanted_core(owner.name, owner.version, owner.requires)
        incompatible = bool(trouble)
    return Installed(point, owner.name, owner.version, trouble, incompatible)


@cache
def _core_version() -> str:
    return metadata.version(CORE)


def wanted_core(name: str, version: str, requires: Iterable[str]) -> str:
    """Say which version of the core a distribution wants, "" where it is the one installed."""
    if name in (CORE, NOBODY):
        return ""
    for line in requires:
        project = _PROJECT.match(line)
        if project is None or project[0].lower() != CORE or _OF_AN_EXTRA.search(line):
            continue
        if plainly_fits(line, _core_version()):
            continue
        from packaging.requirements import InvalidRequirement, Requirement

        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            return (
                f"{name} {version} wants {line!r}, which cannot be read: {error}. "
                f"Try `pip install --force-reinstall {name}`."
            )
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        have = _core_version()
        if not requirement.specifier.contains(have, prereleases=True):
            return (
                f"{name} {version} wants {CORE}{requirement.specifier}, and {have} is installed. "
                f"Try `pip install --upgrade {CORE} {name}`."
            )
    return ""


def plainly_fits(line: str, have: str) -> bool:
    """Say whether a requirement is a plain range, and `have` a release or a step to one inside it.

    Nearly all are, and importing what reads any other takes longer than finding thirty plugins.
    Between plain releases, the order of versions is that of their numbers, zeros at the end aside.
    False where that decides nothing: then `packaging` does.
    """
    plain = _PLAIN.fullmatch(have)
    if not line.startswith(CORE) or plain is None:
        return False
    compare = _COMPARE_STEP if plain["step"] else _COMPARE
    release = _release(plain["release"])
    wanted = line.removeprefix(CORE)
    bounds = [_BOUND.fullmatch(bound) for bound in wanted.split(",")] if wanted else []
    return all(bound and compare[bound[1]](release, _release(bound[2])) for bound in bounds)


def _release(version: str) -> tuple[int, ...]:
    numbers = [int(number) for number in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
