"""The base of every source here: where it looks, what it leaves out, how it names images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imagerag.errors import CollectionError
from imagerag.resources import local
from imagerag.roles import Context, Found, Source
from imagerag_datasets.described import Described
from imagerag_datasets.names import shown
from imagerag_datasets.place import Place, RefusedError
from imagerag_datasets.problems import Problems

IMAGES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp")
"""Suffixes of what is taken for an image; whether it is one is checked when it is added."""


class DatasetSource(Source):
    """Yields the images of one layout. After `find` has run, `problems` lists what it left out.

    Files are yielded by path and opened by whoever adds them. Nothing is fetched, nothing is
    written, and nothing outside the location is read unless `allow_outside` is set.
    """

    problems: Problems

    def __init__(self, config: Any, context: Context) -> None:
        """Read as `config` says."""
        super().__init__(config, context)
        self.problems = Problems()

    def find(self, location: str) -> Iterator[Found]:
        """Yield the images of a location, each name once.

        Raises `CollectionError` where there is no such location, or where it has another layout.
        """
        self.problems = Problems()
        path = Path(local(location)).expanduser().absolute()
        return self._each_once(path)

    def _each_once(self, path: Path) -> Iterator[Found]:
        # Hashes of 8 bytes stand for the names: a million of them take some 70 MB.
        seen: set[int] = set()
        for found in self.found(path):
            mark = hash(found.name)
            if mark in seen:
                self.problems.note(found.name, "is named again; the first one counts")
                continue
            seen.add(mark)
            yield found

    def found(self, path: Path) -> Iterator[Found]:
        """Yield the images of a location that may not exist; names may repeat."""
        raise NotImplementedError

    def place(self, folder: Path) -> Place:
        """Return a folder as the place that is read."""
        if not folder.is_dir():
            raise self.absent(folder, "there is no such folder")
        return Place(folder, allow_outside=self.config.allow_outside)

    def absent(self, path: Path, why: str) -> CollectionError:
        """Return the error for a location without what is looked for."""
        offer = type(self).__name__.removesuffix("Source").lower()
        return CollectionError(
            f"{str(path)!r} is no place for the source {offer!r}: {why}. See which layout it "
            f"reads: imagerag plugins info {offer}"
        )

    def image(self, place: Place, name: str, described: Described) -> Iterator[Found]:
        """Yield a file of the place as an image, or note why it is not read."""
        try:
            plain, path = place.file(name)
        except RefusedError as refused:
            self.problems.note(name, str(refused))
            return
        yield self.made(plain, described, path=path)

    def made(
        self,
        name: str,
        described: Described,
        *,
        path: Path | None = None,
        data: bytes | None = None,
    ) -> Found:
        """Return what was found, with the options' defaults for what is not known."""
        defaults = Described("", self.config.licence, self.config.creator, self.config.source)
        full = described.or_else(defaults)
        return Found(
            name=shown(name) if not name.isprintable() else name,
            path=path,
            data=data,
            caption=full.caption,
            licence=full.licence,
            creator=full.creator,
            source=full.source,
            tags=full.tags,
        )
