"""Real pictures by concept: from a folder, or from a collection."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from imagerag.collection import Collection, open_image, resolve
from imagerag.errors import ConfigError, suggestion
from imagerag.resources import local

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from imagerag.roles import Vectors

    Encode: TypeAlias = Callable[[Sequence[Image]], Vectors]

SUFFIXES = frozenset({".jpeg", ".jpg", ".png", ".webp"})
TAG = "concept="
"""How a tag may say that it names the concept: "concept=hedgehog"."""

WORD = re.compile(r"\w+")


class Found(NamedTuple):
    """The real pictures of one concept: their names, and their unit vectors, one a row."""

    names: tuple[str, ...]
    vectors: NDArray[np.float32]


def words(text: str) -> tuple[str, ...]:
    """Return the words of a concept, tag or caption, without regard to case, "_" and "-"."""
    return tuple(WORD.findall(text.casefold().replace("_", " ")))


class References(ABC):
    """Real pictures by concept.

    Args:
        encode: Pictures to unit vectors.
        batch_size: Pictures held in memory at once.
        most: Pictures of one concept, or None for all.
    """

    def __init__(self, encode: Encode, batch_size: int, most: int | None) -> None:
        self._encode = encode
        self._batch_size = batch_size
        self._most = most

    @abstractmethod
    def having(self, concepts: Iterable[str]) -> set[str]:
        """Return those of `concepts` that have a picture here; nothing is decoded."""

    @abstractmethod
    def of(self, concept: str) -> Found:
        """Return the pictures of a concept that has some.

        Raises:
            ImageError: A picture is broken; the message names its file.
            CollectionError: An item's file is gone.
        """

    @abstractmethod
    def advice(self, concept: str) -> str:
        """Return what to add so that `concept` has a picture here."""

    def close(self) -> None:  # noqa: B027 - harmless by default
        """Let go of files."""


class FolderReferences(References):
    """A folder with one folder of pictures for each concept; hidden files are no part of it."""

    def __init__(self, folder: str, encode: Encode, batch_size: int, most: int | None) -> None:
        super().__init__(encode, batch_size, most)
        self._folder = Path(local(folder)).expanduser()
        if not self._folder.is_dir():
            raise ConfigError(
                f"There is no folder {str(self._folder)!r}. Set references to a folder that holds "
                "one folder of pictures for each concept."
            )
        self._vectors: dict[tuple[Path, int, int], NDArray[np.float32]] = {}

    def having(self, concepts: Iterable[str]) -> set[str]:
        """Return those of `concepts` that have a picture here."""
        files = self._files()
        return {concept for concept in concepts if files.get(words(concept))}

    def of(self, concept: str) -> Found:
        """Return the pictures of a concept, in the order of their names."""
        import numpy as np

        paths = self._files()[words(concept)][: self._most]
        keys = {path: (path, (stat := path.stat()).st_mtime_ns, stat.st_size) for path in paths}
        new = [path for path in paths if keys[path] not in self._vectors]
        for start in range(0, len(new), self._batch_size):
            batch = new[start : start + self._batch_size]
            vectors = self._encode([open_image(path) for path in batch])
            self._vectors.update(
                (keys[path], row) for path, row in zip(batch, vectors, strict=True)
            )
        names = tuple(path.relative_to(self._folder).as_posix() for path in paths)
        return Found(names, np.stack([self._vectors[keys[path]] for path in paths]))

    def advice(self, concept: str) -> str:
        """Name the folder to make, or the one that was perhaps meant."""
        known = [" ".join(key) for key, paths in self._files().items() if paths]
        name = " ".join(words(concept)) or "NAME"
        place = str(self._folder / name)
        return f"put PNG, JPEG or WebP files into {place!r}.{suggestion(name, known)}"

    def _folders(self) -> list[Path]:
        return sorted(path for path in self._folder.iterdir() if path.is_dir())

    def _files(self) -> dict[tuple[str, ...], list[Path]]:
        found: dict[tuple[str, ...], list[Path]] = {}
        for folder in self._folders():
            # Two folders may write one concept differently; both count.
            found.setdefault(words(folder.name), []).extend(
                path
                for path in sorted(folder.iterdir())
                if path.suffix.lower() in SUFFIXES
                and not path.name.startswith(".")
                and path.is_file()
            )
        return found


class CollectionReferences(References):
    """The items of a collection that name a concept.

    Where items carry the concept as a tag, they and no others are its pictures: a caption that
    names it may show other things too. Vectors are kept with the collection.
    """

    def __init__(
        self, name: str, space: str, encode: Encode, batch_size: int, most: int | None
    ) -> None:
        super().__init__(encode, batch_size, most)
        self._collection = Collection.open(resolve(name))
        self._space = space
        self._ids: dict[str, list[str]] = {}
        self._change = -1

    def having(self, concepts: Iterable[str]) -> set[str]:
        """Return those of `concepts` that have a picture here."""
        wanted = set(concepts)
        if (change := self._collection.change) != self._change:
            self._ids, self._change = {}, change
        if new := wanted - set(self._ids):
            self._ids.update(self._look_up(new))
        return {concept for concept in wanted if self._ids[concept]}

    def of(self, concept: str) -> Found:
        """Return the pictures of a concept, in the order in which they were added."""
        import numpy as np

        self.having([concept])
        ids = self._ids[concept][: self._most]
        kept = self._collection.vectors(self._space, ids)
        new = [one for one in ids if one not in kept]
        for start in range(0, len(new), self._batch_size):
            batch = new[start : start + self._batch_size]
            vectors = self._encode([self._collection.image(one) for one in batch])
            self._collection.put_vectors(self._space, batch, vectors)
            kept.update(zip(batch, vectors, strict=True))
        return Found(tuple(ids), np.stack([kept[one] for one in ids]))

    def advice(self, concept: str) -> str:
        """Say which tag to give."""
        return (
            f"add pictures with the tag {TAG + concept!r}, or a caption that names it, to the "
            f"collection {self._collection.name!r}."
        )

    def close(self) -> None:
        """Close the collection."""
        self._collection.close()

    def _look_up(self, concepts: set[str]) -> dict[str, list[str]]:
        keys = {concept: words(concept) for concept in concepts}
        lengths = sorted({len(key) for key in keys.values()} - {0})
        tagged: dict[tuple[str, ...], list[str]] = {}
        named: dict[tuple[str, ...], list[str]] = {}
        wanted = set(keys.values()) - {()}
        for item in self._collection.items():
            for tag in {words(tag.removeprefix(TAG)) for tag in item.tags} & wanted:
                tagged.setdefault(tag, []).append(item.id)
            caption = words(item.caption)
            spans = {
                caption[at : at + length]
                for length in lengths
                for at in range(len(caption) - length + 1)
            }
            for key in spans & wanted:
                named.setdefault(key, []).append(item.id)
        return {concept: tagged.get(key) or named.get(key) or [] for concept, key in keys.items()}
