"""Files of a folder tree in a stable order, with links told apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from imagerag_datasets.problems import Problems

DEEPEST = 32
"""Most folders inside each other that are looked through."""


def entries(folder: Path, problems: Problems) -> list[os.DirEntry[str]]:
    """Return what lies in a folder, sorted by name, without hidden files.

    A folder that cannot be read is noted, and empty.
    """
    try:
        with os.scandir(folder) as found:
            return sorted((e for e in found if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        problems.note(folder.name, f"cannot be read: {error.strerror or error}")
        return []


def files(root: Path, problems: Problems, *, deep: int = DEEPEST) -> Iterator[str]:
    """Yield the names of files below `root`, relative, sorted within each folder.

    Links to files are yielded, so that whoever opens them decides; links to folders are noted and
    not followed, since they can lead in circles.
    """
    yield from _walk(root, "", problems, deep)


def _walk(folder: Path, above: str, problems: Problems, deep: int) -> Iterator[str]:
    for entry in entries(folder, problems):
        name = f"{above}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if deep > 0:
                yield from _walk(folder / entry.name, f"{name}/", problems, deep - 1)
            else:
                problems.note(name, f"lies deeper than {DEEPEST} folders")
        elif entry.is_symlink() and _leads_to_a_folder(entry):
            problems.note(name, "is a link to a folder; such links are not followed")
        else:
            yield name


def _leads_to_a_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # A link that leads in a circle; whoever opens it is told.
        return False


def count(root: Path, suffixes: tuple[str, ...]) -> int:
    """Return how many files below `root` have one of the suffixes."""
    total = 0
    for _, folders, names in os.walk(root):
        folders[:] = [one for one in folders if not one.startswith(".")]
        total += sum(name.lower().endswith(suffixes) for name in names)
    return total
