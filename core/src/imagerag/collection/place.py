"""Where collections live, and how the name of one becomes a folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from imagerag import resources
from imagerag.errors import CollectionError

CATALOGUE = "catalogue.sqlite"
"""The file that makes a folder a collection."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def default_root() -> Path:
    """Return the folder of named collections.

    It is `$IMAGERAG_HOME/collections` where that variable is set, else `collections` in the
    platform's folder for user data.
    """
    home = os.environ.get("IMAGERAG_HOME")
    if home:
        return Path(home).expanduser() / "collections"
    import platformdirs

    return Path(platformdirs.user_data_dir("imagerag", appauthor=False)) / "collections"


def resolve(name_or_path: str | Path) -> Path:
    """Return the folder of a collection given by name or by path; it need not exist.

    A plain word is a name under `default_root()`. Anything with a separator, a leading "." or "~",
    or the prefix "package:" is a path. Raises `CollectionError` for what is neither.
    """
    text = str(name_or_path)
    if text.startswith(resources.PREFIX):
        return Path(resources.local(text))
    is_path = (
        isinstance(name_or_path, Path)
        or text.startswith((".", "~"))
        or "/" in text
        or os.sep in text
        or Path(text).is_absolute()
    )
    if is_path:
        return Path(text).expanduser().absolute()
    if not _NAME.fullmatch(text):
        raise CollectionError(
            f"{text!r} is not a name for a collection: use letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit, or a path such as './photos'."
        )
    return default_root() / text


def collections() -> list[Path]:
    """Return the folders of all named collections, sorted by name."""
    root = default_root()
    if not root.is_dir():
        return []
    return sorted(folder for folder in root.iterdir() if (folder / CATALOGUE).is_file())
