"""Which archives a location means: a file, a folder of them, or a pattern with braces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from imagerag.errors import CollectionError

SUFFIXES = (".tar", ".tar.gz", ".tgz")

MOST = 100_000
"""Most shards that a pattern may mean."""

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


def is_pattern(location: str) -> bool:
    """Say whether a location is a pattern rather than a path."""
    return bool(_BRACES.search(location)) or "::" in location


def expand(pattern: str) -> Iterator[str]:
    """Yield what a pattern means: `{000..009}`, `{a,b}`, and several patterns joined by `::`.

    Numbers keep their width. Raises `CollectionError` for a range that runs backwards or is too
    long.
    """
    parts = pattern.split("::")
    if sum(map(_count, parts)) > MOST:
        raise CollectionError(
            f"{pattern!r} means more than {MOST:,} archives. Name fewer, or give their folder."
        )
    for part in parts:
        yield from _expand(part)


def _count(pattern: str) -> int:
    """Return how many locations a pattern means, without making them."""
    count = 1
    for found in _BRACES.finditer(pattern):
        inside = found.group(1)
        number = _RANGE.fullmatch(inside)
        if number is None:
            count *= inside.count(",") + 1
            continue
        first, last = number.groups()
        if len(last) > 18 or int(last) < int(first):
            raise CollectionError(
                f"The range {{{inside}}} of {pattern!r} runs backwards, or is too long. Write it "
                "as in shard-{000000..000099}.tar."
            )
        count *= int(last) - int(first) + 1
    return count


def _expand(pattern: str) -> Iterator[str]:
    found = _BRACES.search(pattern)
    if found is None:
        yield pattern
        return
    for choice in _choices(found.group(1)):
        for rest in _expand(pattern[found.end() :]):
            yield pattern[: found.start()] + choice + rest


def _choices(inside: str) -> Iterator[str]:
    number = _RANGE.fullmatch(inside)
    if number is None:
        yield from inside.split(",")
        return
    first, last = number.groups()
    width = len(first) if first.startswith("0") else 0
    for value in range(int(first), int(last) + 1):
        yield str(value).zfill(width)


def base_of(pattern: str) -> Path:
    """Return the folder that a pattern's archives lie in, as far as it names one for sure."""
    first = pattern.split("::")[0].split("{")[0]
    return Path(first).parent if not first.endswith("/") else Path(first)
