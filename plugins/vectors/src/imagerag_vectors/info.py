"""What a collection's indexes are, in words, without opening them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagerag_vectors.files import DamagedIndexError
from imagerag_vectors.manifest import Manifest

if TYPE_CHECKING:
    from imagerag.collection import Collection


def indexes_in_words(collection: Collection, family: str, asked: str) -> dict[str, str]:
    """Say for each index of a family how it searches, what it holds, and whether it is up to date.

    `asked` is what the configuration asks for. Keys are the family and the index's space.
    """
    told = {}
    change = collection.change
    for folder in sorted((collection.path / "indexes").glob(f"{family}-*")):
        try:
            manifest = Manifest.read(folder)
        except DamagedIndexError as error:
            told[f"{family} {folder.name}"] = f"damaged, is built anew at the next use: {error}"
            continue
        if manifest is not None:
            told[f"{family} in {manifest.space}"] = _in_words(manifest, asked, change)
    return told


def _in_words(manifest: Manifest, asked: str, change: int) -> str:
    kind = "exact" if manifest.code is None else manifest.code.kind
    dead = 0 if manifest.dead is None else manifest.dead.size // 4
    behind = change - manifest.change
    return ", ".join(
        [
            kind if asked == kind else f"{kind} ({asked} is asked for)",
            f"{manifest.rows - dead} vectors of {manifest.dim} dimensions in {manifest.dtype}",
            *([f"{dead} removed ones still take room"] if dead else []),
            f"{behind} changes behind" if behind else "up to date",
        ]
    )
