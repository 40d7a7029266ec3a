"""What a wheel and an sdist of this repository must hold, and what must not be in them."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterable
from email.message import Message
from email.parser import Parser
from pathlib import Path

LARGEST = 40_000_000
"""Bytes of an archive; the sandbox's weights are the largest thing that is published."""

_JUNK = ("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".git", ".venv", ".DS_Store")
_OURS = ("tests", "training", "bench", "docs")


def wrong_with_wheel(wheel: Path, name: str, source: Path) -> list[str]:
    """Return what is wrong with the wheel of a distribution whose package lies under `source`."""
    package = name.replace("-", "_")
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        found = _metadata(opened, names)
    wrong = _size(wheel)
    tops = {one.partition("/")[0] for one in names if ".dist-info/" not in one}
    if tops != {package}:
        wrong.append(f"it installs {sorted(tops)}, not {package!r} alone")
    expected = {
        file.relative_to(source).as_posix()
        for file in source.rglob("*")
        if file.is_file() and not set(file.parts) & set(_JUNK)
    }
    if missing := sorted(expected - set(names)):
        wrong.append(f"{len(missing)} files of the package are missing, {missing[0]} for one")
    if f"{package}/py.typed" not in names:
        wrong.append("py.typed is missing")
    if not any(one.endswith("/licenses/LICENSE") for one in names):
        wrong.append("the licence is missing")
    return wrong + _junk(names, package) + _fields(found, name)


def wrong_with_sdist(sdist: Path, name: str) -> list[str]:
    """Return what is wrong with the sdist of a distribution."""
    with tarfile.open(sdist) as opened:
        members = opened.getmembers()
        names = [one.name.partition("/")[2] for one in members if one.isfile()]
        reader = opened.extractfile(f"{members[0].name.partition('/')[0]}/PKG-INFO")
        found = Parser().parsestr(reader.read().decode() if reader else "")
    wrong = _size(sdist)
    for file in ("LICENSE", "README.md", "pyproject.toml", "PKG-INFO"):
        if file not in names:
            wrong.append(f"{file} is missing")
    tops = {one.partition("/")[0] for one in names if "/" in one}
    if tops != {"src"}:
        wrong.append(f"it holds the folders {sorted(tops)}, not 'src' alone")
    return wrong + _junk(names, f"src/{name.replace('-', '_')}") + _fields(found, name)


def _metadata(opened: zipfile.ZipFile, names: Iterable[str]) -> Message:
    file = next(one for one in names if one.endswith(".dist-info/METADATA"))
    return Parser().parsestr(opened.read(file).decode())


def _size(archive: Path) -> list[str]:
    size = archive.stat().st_size
    return [f"it has {size:,} bytes, more than {LARGEST:,}"] if size > LARGEST else []


def _junk(names: Iterable[str], root: str) -> list[str]:
    """Return the first file that a build left behind, and the first of a package's own tests."""
    left = [one for one in names if set(one.split("/")) & set(_JUNK) or one.endswith(".pyc")]
    own = tuple(f"{root}/{folder}/" for folder in _OURS)
    tests = [one for one in names if one.startswith(own)]
    return [f"{one} does not belong in it" for one in [*left[:1], *tests[:1]]]


def _fields(found: Message, name: str) -> list[str]:
    wanted = {"Name": name, "License-Expression": "Apache-2.0", "Requires-Python": ">=3.11"}
    wrong = [f"{k} is {found[k]!r}, not {v!r}" for k, v in wanted.items() if found[k] != v]
    if not found["Summary"]:
        wrong.append("it has no summary")
    if found["Description-Content-Type"] != "text/markdown":
        wrong.append("its long description is not said to be Markdown")
    if len(str(found.get_payload()).split()) < 20:
        wrong.append("its long description says next to nothing")
    return wrong
