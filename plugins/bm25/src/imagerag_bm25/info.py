"""What is kept of a collection, in words, for `imagerag collection info`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imagerag_bm25.manifest import DamagedIndexError, Manifest

if TYPE_CHECKING:
    from imagerag.collection import Collection


def indexes_in_words(collection: Collection, asked: Path, words: str) -> dict[str, str]:
    """Say for each BM25 index of a collection what it holds, and whether it is up to date.

    `asked` is the folder that the configuration asks for, whose key is "bm25", and `words` the id
    of what counts as a word there. Others were made with other options. Only manifests are read.
    """
    told = {}
    for folder in sorted({asked, *(collection.path / "indexes").glob("bm25-*")}):
        key = "bm25" if folder == asked else f"bm25 with other options ({folder.name})"
        try:
            manifest = Manifest.read(folder)
        except DamagedIndexError as error:
            told[key] = f"damaged, is built anew at the next use: {error}"
            continue
        if manifest is None:
            told[key] = "none yet, is built by the first search"
        elif manifest.collection != collection.uid or (folder == asked and manifest.words != words):
            told[key] = "of another collection or version, is built anew at the next use"
        else:
            told[key] = _in_words(manifest, collection.change)
    return told


def _in_words(manifest: Manifest, change: int) -> str:
    dead = 0 if manifest.dead is None else manifest.dead.size // 4
    rows = sum(one.shape.rows for one in manifest.segments)
    size = sum(one.file.size for one in manifest.segments)
    behind = change - manifest.change
    parts = "part" if len(manifest.segments) == 1 else "parts"
    return ", ".join(
        [
            f"{rows - dead} captions in {len(manifest.segments)} {parts}, {size / 1e6:.1f} MB",
            *([f"{dead} removed ones still take room"] if dead else []),
            f"{behind} changes behind" if behind else "up to date",
        ]
    )
