"""Runs of a store as files of their own, like those of `imagerag generate`."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from imagerag.batch.store import RunStore
from imagerag.batch.stored import StoredRun
from imagerag.errors import StoreError
from imagerag.record import save
from imagerag.run import Run


def whole(store: RunStore, stored: StoredRun) -> Run:
    """Return a run that is done with its picture, its draft and its result.

    Raises `StoreError` where the run is not done, or its picture is gone or damaged.
    """
    run = stored.run
    if run is None:
        raise StoreError(
            f"row {stored.number} is {stored.state}"
            + (f": {stored.reason}" if stored.reason else "")
            + ". Run its batch again, with --retry-failed where it failed."
        )
    found = {role: store.pictures.get(path.stem) for role, path in stored.pictures.items()}
    if found.get("kept") is None:
        raise StoreError(
            f"the picture of row {stored.number} is gone from {str(store.folder)!r}, or damaged. "
            "Make the row anew in another folder: its record says with what."
        )
    return replace(run, image=found["kept"], draft=found.get("draft"), result=found.get("result"))


def export(store: RunStore, stored: StoredRun, folder: Path, *, metadata: bool = True) -> Path:
    """Write a run's picture with its record inside and beside it; return the picture's path."""
    words = re.sub(r"[^a-z0-9]+", "-", stored.prompt.lower()).strip("-")[:60] or "picture"
    name = f"{stored.number:05d}-{words}-{stored.seed}.png"
    return save(whole(store, stored), folder / name, metadata=metadata)
