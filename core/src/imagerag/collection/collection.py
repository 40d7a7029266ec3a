"""A collection: the one class through which the items of a folder are read and written."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from imagerag.collection import decode, scaling
from imagerag.collection.catalogue import Catalogue
from imagerag.collection.files import ImageFiles
from imagerag.collection.ingest import Ingest, Progress
from imagerag.collection.marks import PurgeMarks
from imagerag.collection.place import CATALOGUE
from imagerag.collection.purge import Purge
from imagerag.collection.reading import ItemReader
from imagerag.collection.reports import AddReport, Change, PurgeReport, Stats
from imagerag.collection.vectors import VectorShelf
from imagerag.errors import CollectionError, ImageError, suggestion

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from imagerag.registry import Registry
    from imagerag.roles import Encoder, Found
    from imagerag.values import Item


log = logging.getLogger(__name__)

_SOON = 0.1
"""Seconds that opening waits for another process that is purging; it need not be waited for."""


class Collection:
    """A folder of images with captions, licences and sources. Safe to share between threads.

    Other processes may read while one writes; a second writer waits.
    """

    def __init__(self, path: Path, catalogue: Catalogue) -> None:
        """Wrap an open catalogue; use `Collection.create` or `Collection.open`."""
        self._path = path
        self._catalogue = catalogue
        self._files = ImageFiles(path)
        self._reader = ItemReader(catalogue)
        self._vectors = VectorShelf(catalogue)
        self._name = catalogue.meta("name")
        self._uid = catalogue.meta("uid")

    @classmethod
    def create(cls, path: Path | str, name: str | None = None) -> Collection:
        """Make an empty collection in a new or empty folder, and open it.

        `name` is what it calls itself, by default the folder's name. Raises `CollectionError`
        where there is a collection already, or a folder with other things in it.
        """
        folder = Path(path).expanduser().absolute()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            foreign = not (folder / CATALOGUE).exists() and any(folder.iterdir())
        except OSError as error:
            raise CollectionError(
                f"Cannot make a collection at {str(folder)!r}: {error.strerror or error}. "
                "Choose a folder that can be written to."
            ) from error
        if foreign:
            raise CollectionError(
                f"{str(folder)!r} holds other files. A collection keeps its own copies in a folder "
                f"of its own: imagerag collection create {name or 'NAME'} {folder}"
            )
        catalogue = Catalogue(folder)
        catalogue.create(name or folder.name)
        return cls(folder, catalogue)

    @classmethod
    def open(cls, path: Path | str) -> Collection:
        """Open the collection in a folder.

        Raises `CollectionError` where there is none, or one of a newer version.
        """
        folder = Path(path).expanduser().absolute()
        if not (folder / CATALOGUE).is_file():
            siblings = folder.parent.iterdir() if folder.parent.is_dir() else ()
            near = suggestion(
                folder.name, [one.name for one in siblings if (one / CATALOGUE).is_file()]
            )
            raise CollectionError(
                f"There is no collection at {str(folder)!r}.{near} See them with `imagerag "
                f"collection list`, or make one: imagerag collection create {folder.name} FOLDER"
            )
        catalogue = Catalogue(folder)
        catalogue.check()
        opened = cls(folder, catalogue)
        if not catalogue.readonly:
            opened._resume_purge()
        return opened

    def __enter__(self) -> Collection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the catalogue; calling it twice does nothing more."""
        self._catalogue.close()

    def __repr__(self) -> str:
        return f"Collection({str(self._path)!r})"

    @property
    def path(self) -> Path:
        """The folder, absolute."""
        return self._path

    @property
    def name(self) -> str:
        """What the collection calls itself."""
        return self._name

    @property
    def uid(self) -> str:
        """A random id given at creation, by which an index knows its collection."""
        return self._uid

    @property
    def change(self) -> int:
        """The number of the latest change; 0 for a collection that was never written."""
        return int(self._catalogue.meta("change"))

    def __len__(self) -> int:
        return self._reader.count()

    def add(
        self,
        found: Iterable[Found],
        *,
        private: bool = False,
        progress: Progress | None = None,
        allow_purged: bool = False,
        encoder: Encoder | None = None,
        isolated: bool = True,
    ) -> AddReport:
        """Take images in, batch by batch; each batch is durable before the next begins.

        Images are checked and decoded first; what cannot be decoded is skipped and named in the
        report. Adding again changes nothing, except that new captions, licences, creators, sources
        and tags replace old ones; unknown ones do not. Of several images with the same bytes the
        first one counts. `progress("add", done, 0)` is called after each image.
        What was purged is skipped, unless `allow_purged`. Files that are as they were when they
        were taken in before are passed over unread.

        With an `encoder`, pictures are encoded while others are decoded and written, and their
        embeddings kept; a remote one is shown no private picture. Files are decoded in processes
        that may die of them; `isolated=False` saves that where you made the files yourself.
        """
        self._catalogue.verify()
        PurgeMarks(self._catalogue).verify()
        ingest = Ingest(
            self._catalogue,
            self._files,
            private=private,
            allow_purged=allow_purged,
            encoder=encoder,
            isolated=isolated,
        )
        return ingest.run(found, progress)

    def remove(self, ids: Iterable[str]) -> int:
        """Hide items at once, and return how many were there; unknown ids are ignored.

        Their files and embeddings stay in the folder, so that adding them again costs nothing.
        """
        with self._catalogue.writing():
            there = list(self.lookup(list(dict.fromkeys(ids))))
            self._catalogue.many(
                "UPDATE items SET removed = 1, change = ? WHERE id = ?",
                zip(self._catalogue.next_changes(len(there)), there, strict=True),
            )
        return len(there)

    def removed(self) -> Iterator[str]:
        """Yield the ids of hidden items, whose files are still there."""
        return self._reader.removed()

    def purge(self, ids: Iterable[str], *, registry: Registry | None = None) -> PurgeReport:
        """Delete items for good, hidden ones too; unknown ids are ignored.

        Their image files, captions, embeddings, index entries and cached captions go, from the
        catalogue's free room and log as well; a receipt stays, without a word on what they were.
        Adding them again is refused from then on. Indexes whose retriever cannot take single items
        out are deleted whole, and built again when they are next needed.

        A purge that is cut short is finished when the collection is next opened. `registry` says
        whose retrievers and re-rankers are asked; None for all that are installed.
        """
        return Purge(self._path, self._catalogue, self._files, registry).run(list(ids))

    def has(self, identity: str) -> bool:
        """Whether the item is there and not removed."""
        return identity in self.lookup([identity])

    def get(self, identity: str) -> Item:
        """Return one item. Raises `CollectionError` where it is unknown or removed."""
        found = self.lookup([identity])
        if identity not in found:
            raise self._absent(identity)
        return found[identity]

    def lookup(self, ids: Sequence[str]) -> dict[str, Item]:
        """Return those of `ids` that are there, by id."""
        return self._reader.lookup(ids)

    def matching(self, prefix: str, limit: int = 10) -> list[str]:
        """Return up to `limit` ids that begin with `prefix`, sorted."""
        return self._reader.matching(prefix, limit)

    def items(self, private: bool | None = None) -> Iterator[Item]:
        """Yield all items in the order they were first added; only private or public ones if said.

        Items are read page by page, so that neither memory nor writers wait for a slow reader.
        """
        return self._reader.items(private)

    def changes(self, since: int) -> Iterator[Change]:
        """Yield the latest change of each item written after change number `since`, in order.

        Changes made while this runs come at the next call, so that it always ends.
        """
        return self._reader.changes(since)

    def file(self, identity: str) -> Path:
        """Return the path of an item's image file, for reading only."""
        found = self._reader.found([identity])
        if identity not in found:
            raise self._absent(identity)
        return self._files.path(identity, found[identity][1])

    def image(self, identity: str, *, image_size: int | None = None) -> Image:
        """Return an item's picture, upright and in RGB, after checking its bytes against its id.

        It may come smaller for an encoder of `image_size` pixels, to which it looks the same.
        Raises `CollectionError` where the item or its file is gone, `ImageError` where the file was
        changed.
        """
        path = self.file(identity)
        again = f"Remove the item and add it again: imagerag collection remove {self.path} "
        try:
            data = decode.read_bytes(path)
        except ImageError as error:
            raise CollectionError(
                f"The image file {str(path)!r} {error}. {again}{identity[:12]}"
            ) from error
        if hashlib.sha256(data).hexdigest() != identity:
            raise ImageError(
                f"The image file {str(path)!r} was changed after it was added. "
                f"{again}{identity[:12]}"
            )
        shortest = scaling.shortest_for(image_size)
        return decode.open_image(data, shortest=shortest, image_size=image_size)

    def vectors(self, space: str, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the embeddings kept of `ids` in `space`, by id; absent ones are left out."""
        return self._vectors.get(space, ids)

    def put_vectors(self, space: str, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep embeddings, shape (len(ids), dim), so that they are never computed again.

        Raises `SpaceMismatchError` where the space has another dimension here, `CollectionError`
        for values that are not finite.
        """
        self._vectors.put(space, ids, vectors)

    def stats(self) -> Stats:
        """Return counts of items, licences, bytes and embeddings."""
        return self._reader.stats()

    def _resume_purge(self) -> None:
        """Finish a purge that was cut short; its items are hidden already, so it can wait."""
        try:
            Purge(self._path, self._catalogue, self._files, None).resume(_SOON)
        except CollectionError as error:
            log.warning("A purge of %s is not finished yet: %s", self._path, error)

    def _absent(self, identity: str) -> CollectionError:
        return CollectionError(
            f"The collection {self._name!r} has no item {identity!r}; it may have been removed. "
            f"See its items: imagerag collection list {self._path}"
        )
