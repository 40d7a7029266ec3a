"""An exported file into a new collection: everything is checked before anything counts.

All is built in a folder beside the new one, and moved into place when it is whole. No name in the
archive is ever a path: files are written where the collection keeps the image of that content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from imagerag.collection import archive_format as form
from imagerag.collection import decode, importing_vectors
from imagerag.collection.archived_item import LONGEST, read_line
from imagerag.collection.catalogue import Catalogue
from imagerag.collection.collection import Collection
from imagerag.collection.files import ImageFiles, flush_folder
from imagerag.collection.importing_marks import MarkReader
from imagerag.collection.making import making
from imagerag.collection.marks import PurgeMarks
from imagerag.errors import CollectionError, ImageError

if TYPE_CHECKING:
    from imagerag.collection.archive_format import Member

Progress = Callable[[str, int, int], None]

_BATCH_ITEMS = 128
_BATCH_BYTES = 32_000_000
_MOST_MANIFEST = 1 << 20

_COLUMNS = (
    "id", "format", "bytes", "caption", "licence", "creator", "source", "private", "width",
    "height", "added", "near", "phash",
)  # fmt: skip


def import_collection(
    file: Path | str, folder: Path | str, *, progress: Progress | None = None
) -> int:
    """Make a new collection in `folder` of an exported file; return how many images it has.

    It is another collection than the one exported: indexes are built for it anew, without computing
    embeddings again. Private images stay private, and what was purged is refused here as well.
    Raises `CollectionError` where there is something at `folder`, and for any file that an export
    would not have written, be it cut, damaged or hostile; nothing is left of it then.
    """
    path, target = Path(file).expanduser().absolute(), Path(folder).expanduser().absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CollectionError(
            f"There is something at {str(target)!r} already. An import makes a new collection: "
            f"imagerag collection import {path.name} ANOTHER-NAME"
        )
    try:
        if not path.is_file():
            raise CollectionError(f"There is no file {str(path)!r}. Check the path.")
        with making(target) as beside, path.open("rb") as archive:
            count = _Import(beside, target.name, progress).run(archive, path.stat().st_size)
            (beside / "collection").replace(target)
            flush_folder(target.parent)
    except OSError as error:
        raise CollectionError(
            f"Cannot import {str(path)!r} to {str(target)!r}: {error.strerror or error}. "
            "Nothing of it was imported."
        ) from error
    return count


class _Import:
    """One import, into a folder of its own."""

    def __init__(self, beside: Path, name: str, progress: Progress | None) -> None:
        self._beside = beside
        self._folder = beside / "collection"
        Collection.create(self._folder, name).close()
        self._progress = progress
        self._files = ImageFiles(self._folder)
        self._images: dict[bytes, tuple[str, int]] = {}
        self._batch: list[tuple[str, str, bytes]] = []
        self._batch_bytes = self._image_bytes = 0
        self._entries: dict[str, Any] = {}
        self._manifest: dict[str, Any] | None = None

    def run(self, archive: IO[bytes], length: int) -> int:
        """Read the archive to its end, check it, and return the number of images."""
        self._catalogue = Catalogue(self._folder)
        try:
            for member in form.members(archive, length):
                if self._manifest is not None:
                    raise form.refused(f"{member.name!r} comes after the manifest")
                self._take(member)
            self._check()
            # Whoever opens it next shall find one file, without a log.
            self._catalogue.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._catalogue.close()
        return len(self._images)

    def _take(self, member: Member) -> None:
        image = form.IMAGE.fullmatch(member.name)
        if image is not None:
            self._image(member, image[2], image[3])
            return
        self._place()
        if member.name in self._entries:
            raise form.refused(f"{member.name!r} comes twice")
        if member.name == form.MANIFEST:
            self._manifest = _json(_whole(member, _MOST_MANIFEST, form.Digest()), member.name)
            return
        digest = form.Digest()
        if member.name == form.ITEMS:
            self._items(member, digest)
        elif form.ITEMS not in self._entries:
            raise form.refused(f"{member.name!r} comes before {form.ITEMS!r}")
        elif member.name == form.PURGED:
            self._purged(member, digest)
        else:
            with (self._beside / member.name.replace("/", "-")).open("wb") as out:
                for chunk in member.chunks():
                    digest.update(chunk)
                    out.write(chunk)
        self._entries[member.name] = digest.entry()

    def _image(self, member: Member, identity: str, extension: str) -> None:
        if self._entries:
            raise form.refused(f"{member.name!r} comes after {form.ITEMS!r}")
        key = bytes.fromhex(identity)
        if key in self._images:
            raise form.refused(f"{member.name!r} comes twice")
        data = _whole(member, decode.MAX_BYTES, form.Digest())
        if hashlib.sha256(data).hexdigest() != identity:
            raise form.refused(f"{member.name!r} is damaged: its bytes are not those of its name")
        try:
            found = decode.sniff(data)
        except ImageError as error:
            raise form.refused(f"{member.name!r} {error}") from error
        if found.format != extension:
            raise form.refused(f"{member.name!r} is of another format than it says")
        self._images[key] = (extension, len(data))
        self._image_bytes += len(data)
        self._batch.append((identity, extension, data))
        self._batch_bytes += len(data)
        if len(self._batch) >= _BATCH_ITEMS or self._batch_bytes >= _BATCH_BYTES:
            self._place()
        if self._progress is not None:
            self._progress("import", len(self._images), 0)

    def _place(self) -> None:
        self._files.place(self._batch)
        self._batch, self._batch_bytes = [], 0
        self._files.settle(lambda identity: True)

    def _items(self, member: Member, digest: form.Digest) -> None:
        seen: set[bytes] = set()
        page: list[dict[str, Any]] = []
        for line in _lines(member, digest):
            told = read_line(line)
            key = bytes.fromhex(told["id"])
            if key in seen or self._images.get(key) != (told["format"], told["bytes"]):
                raise form.refused(f"it tells of {told['id'][:12]!r} twice, or without its image")
            if told["near"] and bytes.fromhex(told["near"]) not in self._images:
                raise form.refused(f"{told['id'][:12]!r} repeats an image that is not there")
            seen.add(key)
            page.append(told)
            if len(page) >= _BATCH_ITEMS:
                self._insert(page)
                page = []
        self._insert(page)
        if len(seen) != len(self._images):
            raise form.refused(f"it tells nothing of {len(self._images) - len(seen)} images")

    def _insert(self, page: list[dict[str, Any]]) -> None:
        with self._catalogue.writing():
            changes = self._catalogue.next_changes(len(page))
            self._catalogue.many(
                f"INSERT INTO items ({', '.join(_COLUMNS)}, tags, change) "  # noqa: S608
                f"VALUES ({'?, ' * len(_COLUMNS)}?, ?)",
                [
                    (
                        *(told[key] for key in _COLUMNS),
                        json.dumps(told["tags"], ensure_ascii=False),
                        change,
                    )
                    for told, change in zip(page, changes, strict=True)
                ],
            )

    def _purged(self, member: Member, digest: form.Digest) -> None:
        read = MarkReader(member, digest)
        with self._catalogue.writing():
            self._catalogue.set_meta({"salt": read.salt})
            count = PurgeMarks(self._catalogue).take_over(read.marks())
            if self._catalogue.rows("SELECT count(*) FROM purged") != [(count,)]:
                raise form.refused(f"{member.name!r} holds a mark twice")

    def _check(self) -> None:
        manifest = self._manifest
        if manifest is None or form.ITEMS not in self._entries:
            raise form.refused("it is cut short, or no export of a collection")
        if manifest.get("format") != form.FORMAT or manifest.get("version") != form.VERSION:
            raise form.refused(
                f"it is of another version than {form.VERSION}; try: pip install -U imagerag"
            )
        if manifest.get("files") != self._entries:
            raise form.refused("its parts are not those that its manifest names")
        if (manifest.get("images"), manifest.get("image_bytes")) != (
            len(self._images),
            self._image_bytes,
        ):
            raise form.refused("its images are not as many as its manifest says")
        importing_vectors.take(self._beside, self._catalogue, set(self._entries), self._images)


def _whole(member: Member, most: int, digest: form.Digest) -> bytes:
    if member.size > most:
        raise form.refused(f"{member.name!r} has {member.size:,} bytes; at most {most:,} may be")
    data = b"".join(member.chunks())
    digest.update(data)
    return data


def _json(data: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise form.refused(f"{name!r} cannot be read") from error
    if not isinstance(value, dict):
        raise form.refused(f"{name!r} is not as it should be")
    return value


def _lines(member: Member, digest: form.Digest) -> Iterator[bytes]:
    rest = b""
    for chunk in member.chunks():
        digest.update(chunk)
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > LONGEST:
            raise form.refused(f"{member.name!r} has a line without an end")
    if rest:
        raise form.refused(f"{member.name!r} ends in the middle of a line")
