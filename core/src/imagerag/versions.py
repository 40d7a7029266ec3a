"""Which versions took part in a run."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata

from imagerag.registry import NOBODY
from imagerag.session import Session


@cache
def _installed(distribution: str) -> str:
    """Reading metadata takes a good part of a millisecond, and does not change in a process."""
    return metadata.version(distribution)


def versions_of(session: Session) -> dict[str, str]:
    """Name the core, Python, every distribution in use, and what components say of themselves."""
    found = {"imagerag": _installed("imagerag"), "python": platform.python_version()}
    for _, chosen in session.chosen():
        distribution = session.registry.find(chosen.role, chosen.use).distribution
        if distribution not in found and distribution != NOBODY:
            found[distribution] = _installed(distribution)
    for path, component in session.built().items():
        for name, version in component.versions().items():
            found[f"{path}.{name}"] = version
    return found
