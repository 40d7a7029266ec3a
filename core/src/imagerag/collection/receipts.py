"""Receipts of purges: that something went, how much and when, and never what."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imagerag.collection.files import flush_folder, write_file
from imagerag.collection.rows import iso
from imagerag.errors import CollectionError

FOLDER = "receipts"


def write(folder: Path, at: int, count: int, size: int, marks: Sequence[str]) -> Path:
    """Write the receipt of the purge begun at `at`, seconds since 1970; return its path.

    Writing it again replaces it. A mark says nothing to those who do not have the picture.
    """
    receipts = folder / FOLDER
    path = receipts / f"{iso(at).replace(':', '')}.json"
    told: dict[str, Any] = {
        "purged": iso(at),
        "images": count,
        "bytes": size,
        "marks": list(marks),
    }
    temporary = path.with_name(f"{path.name}.part")
    try:
        receipts.mkdir(exist_ok=True)
        write_file(temporary, json.dumps(told, indent=1).encode())
        temporary.replace(path)
        flush_folder(receipts)
    except OSError as error:
        raise CollectionError(
            f"The receipt {str(path)!r} cannot be written: {error.strerror or error}. "
            "The purge itself is done; the receipt follows when the collection is next opened."
        ) from error
    return path
