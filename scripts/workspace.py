"""Which distributions this repository holds, and what each needs of the others."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def project(folder: Path) -> dict[str, Any]:
    """Return the table [project] of a distribution."""
    text = (folder / "pyproject.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["project"])


def distributions() -> dict[str, Path]:
    """Return the folder of every distribution of the workspace, by name, the core first."""
    files = [ROOT / "core/pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]
    return {project(file.parent)["name"]: file.parent for file in files}


def chosen(names: Iterable[str]) -> dict[str, Path]:
    """Return the distributions that are named, by name or by folder; all where none is.

    Raises:
        SystemExit: A name is that of no distribution; it says which there are.
    """
    known = distributions()
    by_word = {**{folder.name: name for name, folder in known.items()}, **{n: n for n in known}}
    unknown = [name for name in names if name not in by_word]
    if unknown:
        raise SystemExit(f"no distribution {', '.join(unknown)}; there are {', '.join(by_word)}")
    wanted = [by_word[name] for name in names] or list(known)
    return {name: known[name] for name in dict.fromkeys(wanted)}


def name_of(requirement: str) -> str:
    """Return the normalised name of a requirement, without bounds and extras."""
    return re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def needed(name: str, known: Mapping[str, Path]) -> set[str]:
    """Return the distributions of the workspace that one needs, itself included."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            asked = {name_of(line) for line in project(known[one])["dependencies"]}
            waiting += sorted(asked & set(known))
    return found
