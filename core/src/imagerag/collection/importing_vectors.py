"""The embeddings of an archive, once all of it has been checked."""

from __future__ import annotations

import json
import re
from collections.abc import Container
from pathlib import Path

from imagerag.collection.archive_format import SPACE, refused
from imagerag.collection.catalogue import Catalogue
from imagerag.collection.vectors import PAGE, VectorShelf
from imagerag.errors import CollectionError, SpaceMismatchError

_MOST_DIMENSIONS = 1 << 16
_LONGEST_NAME = 2_000


def take(folder: Path, catalogue: Catalogue, names: set[str], images: Container[bytes]) -> None:
    """Keep the embeddings whose files, with "-" for "/", lie in `folder`.

    Raises `CollectionError` where they do not fit together or belong to no image.
    """
    numbers = {match[1] for name in names if (match := SPACE.fullmatch(name))}
    for number in sorted(numbers, key=int):
        wanted = {f"spaces/{number}.{kind}" for kind in ("json", "ids", "f32")}
        if not wanted <= names:
            raise refused(f"the embeddings 'spaces/{number}' are not all there")
        _space(folder, catalogue, number, images)


def _space(folder: Path, catalogue: Catalogue, number: str, images: Container[bytes]) -> None:
    import numpy as np

    space, dim = _about(folder / f"spaces-{number}.json", number)
    ids, rows = folder / f"spaces-{number}.ids", folder / f"spaces-{number}.f32"
    count = ids.stat().st_size // 32
    if ids.stat().st_size != 32 * count or rows.stat().st_size != 4 * dim * count:
        raise refused(f"the embeddings 'spaces/{number}' are not as many as their ids")
    shelf = VectorShelf(catalogue)
    seen: set[bytes] = set()
    with ids.open("rb") as names, rows.open("rb") as vectors:
        while page := names.read(32 * PAGE):
            keys = [page[at : at + 32] for at in range(0, len(page), 32)]
            before = len(seen)
            seen.update(keys)
            if len(seen) != before + len(keys) or not all(key in images for key in keys):
                raise refused(f"the ids of 'spaces/{number}' come twice, or are of no image")
            block = np.frombuffer(vectors.read(4 * dim * len(keys)), dtype="<f4")
            try:
                shelf.put(space, [key.hex() for key in keys], block.reshape(len(keys), dim))
            except (CollectionError, SpaceMismatchError) as error:
                raise refused(f"the embeddings 'spaces/{number}' are no good: {error}") from error


def _about(path: Path, number: str) -> tuple[str, int]:
    try:
        with path.open("rb") as file:
            told = json.loads(file.read(16 * _LONGEST_NAME))
        space, dim = told["space"], told["dim"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise refused(f"'spaces/{number}.json' cannot be read") from error
    good = isinstance(space, str) and len(space) <= _LONGEST_NAME and type(dim) is int
    if not good or not 1 <= dim <= _MOST_DIMENSIONS or re.search(r"[\x00-\x1f]", space):
        raise refused(f"'spaces/{number}.json' is not as it should be")
    return space, dim
