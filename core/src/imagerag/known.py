"""Which distribution offers which name, for names whose plugin is not installed.

The table is written by `scripts/known_plugins.py` from the workspace's own plugins, never by hand.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path


@cache
def _table() -> dict[str, dict[str, list[str]]]:
    path = Path(__file__).with_name("known_plugins.json")
    table: dict[str, dict[str, list[str]]] = json.loads(path.read_text(encoding="utf-8"))
    return table


def home_of(kind: str, name: str) -> list[str]:
    """Return the distributions known to offer `name`; `kind` is a role, "preset" or "command"."""
    return _table().get(kind, {}).get(name, [])


def known_names(kind: str) -> list[str]:
    """Return every name known for that kind, installed or not."""
    return sorted(_table().get(kind, {}))


def distributions() -> set[str]:
    """Return every distribution that is known to offer something."""
    return {home for names in _table().values() for homes in names.values() for home in homes}
