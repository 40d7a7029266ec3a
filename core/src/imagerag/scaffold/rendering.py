"""From names and templates to the files of a new plugin."""

from __future__ import annotations

import json
import re
import tempfile
from importlib import metadata
from pathlib import Path, PurePosixPath
from string import Template

from imagerag.errors import UsageError
from imagerag.hooks import ROLE_HOOKS
from imagerag.installed import CORE
from imagerag.scaffold.names import Names

_TEMPLATES = Path(__file__).parent / "templates"
_EVERY = "every"
_SUFFIX = ".txt"
"""Of each template, so that neither linters nor builds take one for code."""

_LIBRARIES = {
    "generator": ("pillow",),
    "encoder": ("numpy>=2",),
    "retriever": ("numpy>=2",),
    "metric": ("numpy>=2",),
}
"""What a role's component imports beside imagerag."""


def render(names: Names) -> dict[PurePosixPath, str]:
    """Return the text of each file, by its path inside the distribution's folder."""
    values = _values(names)
    files = {}
    for root in (_TEMPLATES / _EVERY, _TEMPLATES / names.role):
        for file in sorted(root.rglob(f"*{_SUFFIX}")):
            inside = PurePosixPath(file.relative_to(root).as_posix().removesuffix(_SUFFIX))
            text = file.read_text(encoding="utf-8")
            files[_placed(inside, names)] = Template(text).substitute(values)
    return dict(sorted(files.items()))


def write(folder: Path, files: dict[PurePosixPath, str]) -> None:
    """Write the files into a new folder, all of them or none.

    Raises:
        UsageError: There is something at that place already, or it cannot be written.
    """
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise UsageError(
            f"{str(folder)!r} is there already, and nothing is written over. Choose another folder "
            "with --folder."
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
            whole = Path(beside) / "whole"
            for inside, text in files.items():
                file = whole / inside
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8", newline="\n")
            if folder.exists():
                folder.rmdir()  # empty, as was checked; it fails where it no longer is
            whole.rename(folder)
    except OSError as error:
        raise UsageError(
            f"{str(folder)!r} cannot be written: {error.strerror or error}. Choose another folder "
            "with --folder."
        ) from error


def _placed(inside: PurePosixPath, names: Names) -> PurePosixPath:
    """Put the package's and the component's name into a template's path."""
    parts = [names.package if part == "package" else part for part in inside.parts]
    if parts[-1] == "component.py":
        parts[-1] = f"{names.module}.py"
    return PurePosixPath(*parts)


def _values(names: Names) -> dict[str, str]:
    libraries = (f"{CORE}{_core_range()}", *_LIBRARIES.get(names.role, ()))
    return {
        "role": names.role,
        "spoken": "re-ranker" if names.role == "reranker" else names.role,
        "article": "an" if names.role == "encoder" else "a",
        "article_upper": "An" if names.role == "encoder" else "A",
        "name": names.name,
        "distribution": names.distribution,
        "package": names.package,
        "module": names.module,
        "class_name": names.class_name,
        "config_class": names.config_class,
        "suite": f"{names.role.capitalize()}Suite",
        "hook": ROLE_HOOKS[names.role],
        "description": names.description,
        "description_toml": json.dumps(names.description, ensure_ascii=False),
        "description_python": _python(names.description),
        "dependencies": ", ".join(f'"{library}"' for library in libraries),
    }


def _core_range() -> str:
    """Return the versions of the core that promise what this one does: ">=0.1,<0.2"."""
    version = metadata.version(CORE)
    major, minor = (int(number) for number in re.findall(r"\d+", version)[:2])
    return f">={major}.{minor},<{f'0.{minor + 1}' if major == 0 else major + 1}"


def _python(text: str) -> str:
    """Return a literal as formatters write it: in double quotes, unless that escapes more."""
    if '"' in text and "'" not in text:
        return f"'{text.replace(chr(92), chr(92) * 2)}'"
    return json.dumps(text, ensure_ascii=False)
