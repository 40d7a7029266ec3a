"""The `folder` source: a folder of images, with what tables beside them say."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from imagerag.collection import sidecar
from imagerag.collection.filename import caption_of
from imagerag.collection.folder_config import FolderConfig
from imagerag.collection.place import CATALOGUE
from imagerag.collection.sidecar import Entry
from imagerag.errors import CollectionError
from imagerag.roles import Context, Found, Source

ACCEPTED = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp")

# Not accepted, but yielded all the same: whoever has such files should hear that they were skipped.
_REPORTED = (".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".svg", ".jxl", ".ico")

_TABLES = ("metadata", "captions")
"""Names of tables that can only be meant for the images beside them."""


class FolderSource(Source):
    """Finds the images of a folder, sorted by name, folder by folder.

    Hidden files and folders, and collections, are passed over. Links are followed only where they
    lead to a file inside the folder. After `find` has run, `problems` lists what was wrong with
    tables and links, as (name, reason).
    """

    config: FolderConfig

    def __init__(self, config: FolderConfig, context: Context) -> None:
        """Read folders as `config` says."""
        super().__init__(config, context)
        self.problems: list[tuple[str, str]] = []

    def find(self, location: str) -> Iterator[Found]:
        """Yield the images of a folder, or one image file with what its folder's tables say.

        Raises `CollectionError` where there is no such folder or file.
        """
        self.problems = []
        root = Path(location).expanduser().absolute()
        if root.is_file():
            tables = [(root.parent, self._entries(root.parent, missing=False))]
            self.problems = []  # Those of other files do not matter here.
            yield self._found(root, root.name, tables)
        elif root.is_dir():
            yield from self._walk(root, root, [])
        else:
            raise CollectionError(
                f"There is no folder or image at {location!r}. Check the path, then run: "
                "imagerag collection add NAME FOLDER"
            )

    def count(self, location: str) -> int | None:
        """Return how many files have the suffix of an image."""
        root = Path(location).expanduser()
        if not root.is_dir():
            return 1 if root.is_file() else None
        total = 0
        for folder, folders, names in os.walk(root):
            inside = (one for one in folders if not one.startswith("."))
            folders[:] = [one for one in inside if not Path(folder, one, CATALOGUE).exists()]
            if not self.config.recursive:
                folders.clear()
            shown = (name for name in names if not name.startswith("."))
            total += sum(name.lower().endswith(ACCEPTED + _REPORTED) for name in shown)
        return total

    def _walk(
        self, root: Path, folder: Path, above: list[tuple[Path, dict[PurePosixPath, Entry]]]
    ) -> Iterator[Found]:
        try:
            inside = sorted(folder.iterdir(), key=lambda path: path.name)
        except OSError as error:
            self.problems.append((str(folder), f"cannot be read: {error.strerror or error}"))
            return
        tables = [(folder, self._entries(folder)), *above]
        for path in inside:
            if path.name.startswith("."):
                continue
            if path.is_symlink() and not self._may_follow(path, root):
                continue
            if path.is_dir():
                if self.config.recursive and not (path / CATALOGUE).exists():
                    yield from self._walk(root, path, tables)
            elif path.suffix.lower() in ACCEPTED + _REPORTED or any(
                _key(path, above) in entries for above, entries in tables
            ):
                yield self._found(path, path.relative_to(root).as_posix(), tables)

    def _may_follow(self, path: Path, root: Path) -> bool:
        name = path.relative_to(root).as_posix()
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):
            self.problems.append((name, "is a link that leads nowhere"))
            return False
        if target.is_dir():
            self.problems.append((name, "is a link to a folder; such links are not followed"))
            return False
        if not target.is_relative_to(root.resolve()):
            self.problems.append((name, "is a link that leaves the folder"))
            return False
        return True

    def _entries(self, folder: Path, *, missing: bool = True) -> dict[PurePosixPath, Entry]:
        """Return what the tables of one folder say; the first table that names a file counts."""
        entries: dict[PurePosixPath, Entry] = {}
        tables = [path for path in folder.iterdir() if path.suffix.lower() in sidecar.SUFFIXES]
        # The names that are meant for this come before tables that happen to lie here.
        tables.sort(key=lambda path: (path.stem not in _TABLES, path.name))
        for table in tables:
            if table.name.startswith(".") or table.is_symlink() or not table.is_file():
                continue
            try:
                read = sidecar.read(table, self.problems)
            except OSError as error:
                self.problems.append((table.name, f"cannot be read: {error.strerror or error}"))
                continue
            if read is None and table.stem in _TABLES:
                self.problems.append((table.name, "has no column of file names, such as file_name"))
            for name, entry in (read or {}).items():
                if missing and not _is_there(folder, name):
                    self.problems.append((str(name), f"is named in {table.name} but is not there"))
                    continue
                key = _composed(name)
                entries[key] = entries[key].filled(entry) if key in entries else entry
        return entries

    def _found(
        self, path: Path, name: str, tables: list[tuple[Path, dict[PurePosixPath, Entry]]]
    ) -> Found:
        entry = Entry()
        for folder, entries in tables:
            entry = entry.filled(entries.get(_key(path, folder), Entry()))
        defaults = Entry("", self.config.licence, self.config.creator, self.config.source)
        entry = entry.filled(defaults)
        caption = entry.caption
        if not caption and self.config.names_as_captions:
            caption = caption_of(path.stem)
        return Found(
            name=name,
            path=path,
            caption=caption,
            licence=entry.licence,
            creator=entry.creator,
            source=entry.source,
            tags=entry.tags,
        )


def _composed(name: PurePosixPath) -> PurePosixPath:
    return PurePosixPath(unicodedata.normalize("NFC", str(name)))


def _key(path: Path, folder: Path) -> PurePosixPath:
    return _composed(PurePosixPath(path.relative_to(folder).as_posix()))


def _is_there(folder: Path, name: PurePosixPath) -> bool:
    # One file system keeps "é" as one character, another as two; tables come from either.
    forms = {str(name), *(unicodedata.normalize(form, str(name)) for form in ("NFC", "NFD"))}
    try:
        return any((folder / form).is_file() for form in forms)
    except OSError:  # A name that no file system would take.
        return False
