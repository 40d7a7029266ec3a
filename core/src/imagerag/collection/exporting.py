"""A collection into one file, with a checksum for everything in it."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from imagerag.collection import archive_format as form
from imagerag.collection import decode
from imagerag.collection.catalogue import Catalogue
from imagerag.collection.files import ImageFiles, flush_folder
from imagerag.collection.reading import ItemReader
from imagerag.collection.reports import ExportReport
from imagerag.collection.rows import BYTES, COLUMNS, FORMAT, PHASH, item_of
from imagerag.collection.vectors import PAGE, VectorShelf
from imagerag.errors import CollectionError, ImageError

if TYPE_CHECKING:
    from imagerag.collection.collection import Collection

Progress = Callable[[str, int, int], None]


def export_collection(
    collection: Collection,
    file: Path | str,
    *,
    private: bool = True,
    progress: Progress | None = None,
) -> ExportReport:
    """Write a collection to a new file that only its owner may read, and say what went into it.

    Images, what is known of each, embeddings with their spaces, and the marks of what was purged;
    indexes are built anew elsewhere. Without `private`, private items stay out, and so does every
    mark and every mention of them. An image whose file is lost or changed is skipped and named.
    Others may write meanwhile: what is exported is what was there when its turn came. Raises
    `CollectionError` where the file exists or cannot be written; no part of it is left then.
    """
    path = Path(file).expanduser().absolute()
    if path.exists():
        raise CollectionError(f"There is {str(path)!r} already. Choose another name, or delete it.")
    catalogue = Catalogue(collection.path)
    part = path.with_name(f".{path.name}.part")
    try:
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w+b") as out:
            # Lines wait until it is known which images could be read; this file has no name.
            with tempfile.TemporaryFile(dir=path.parent) as lines:
                report = _Export(collection, catalogue, out, private, progress).run(lines)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
        flush_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise CollectionError(
                f"Cannot export to {str(path)!r}: {error.strerror or error}. "
                "Choose a folder that can be written to and has room."
            ) from error
        raise
    finally:
        catalogue.close()
    return report


class _Export:
    """One export."""

    def __init__(
        self,
        collection: Collection,
        catalogue: Catalogue,
        out: IO[bytes],
        private: bool,
        progress: Progress | None,
    ) -> None:
        self._collection = collection
        self._catalogue = catalogue
        self._reader = ItemReader(catalogue)
        self._files = ImageFiles(collection.path)
        self._out = out
        self._private = private
        self._progress = progress
        self._skipped: list[tuple[str, str]] = []
        self._entries: dict[str, Any] = {}
        self._exported: dict[bytes, None] = {}
        self._image_bytes = 0

    def run(self, lines: IO[bytes]) -> ExportReport:
        """Write every member in its order."""
        self._images(lines)
        lines.seek(0)
        self._stream(form.ITEMS, self._items(lines))
        self._spaces()
        if self._private:
            self._member(form.PURGED, self._purged())
        manifest = {
            "format": form.FORMAT,
            "version": form.VERSION,
            "name": self._collection.name,
            "images": len(self._exported),
            "image_bytes": self._image_bytes,
            "files": self._entries,
        }
        self._member(form.MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False).encode())
        self._out.write(b"\0" * (2 * form.BLOCK))
        return ExportReport(len(self._exported), self._out.tell(), tuple(self._skipped))

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        self._catalogue.verify()
        last = 0
        while True:
            rows = self._catalogue.rows(
                f"SELECT {COLUMNS}, number FROM items "  # noqa: S608 - constants
                "WHERE number > ? AND removed = 0 ORDER BY number LIMIT ?",
                (last, PAGE),
            )
            if not rows:
                return
            yield from rows
            last = rows[-1][-1]

    def _images(self, lines: IO[bytes]) -> None:
        for done, row in enumerate(self._rows(), start=1):
            item = item_of(row)
            if item.private and not self._private:
                continue
            try:
                data = decode.read_bytes(self._files.path(item.id, row[FORMAT]))
                if hashlib.sha256(data).hexdigest() != item.id:
                    raise ImageError("was changed after it was added")
            except ImageError as error:
                # What was removed meanwhile is not missing.
                if self._collection.has(item.id):
                    self._skipped.append((item.id, str(error)))
                continue
            name = f"images/{item.id[:2]}/{item.id}.{row[FORMAT]}"
            self._write(name, data)
            self._image_bytes += len(data)
            self._exported[bytes.fromhex(item.id)] = None
            lines.write(json.dumps(_line(row), ensure_ascii=False).encode() + b"\n")
            if self._progress is not None:
                self._progress("export", done, 0)

    def _items(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        for line in lines:
            told = json.loads(line)
            if told["near"] and bytes.fromhex(told["near"]) not in self._exported:
                told["near"] = None
            yield json.dumps(told, ensure_ascii=False).encode() + b"\n"

    def _spaces(self) -> None:
        shelf = VectorShelf(self._catalogue)
        spaces = self._catalogue.rows("SELECT space, dim FROM spaces ORDER BY number")
        for number, (space, dim) in enumerate(spaces):
            kept: list[bytes] = []
            ids = list(self._exported)
            self._member(
                f"spaces/{number}.json",
                json.dumps({"space": space, "dim": dim}, ensure_ascii=False).encode(),
            )
            self._stream(f"spaces/{number}.f32", _vectors(shelf, space, ids, kept))
            self._member(f"spaces/{number}.ids", b"".join(kept))

    def _purged(self) -> bytes:
        marks = self._catalogue.rows("SELECT mark, at FROM purged ORDER BY at, mark")
        told = {
            "salt": self._catalogue.meta("salt"),
            "marks": [[mark.hex(), at] for mark, at in marks],
        }
        return json.dumps(told).encode()

    def _write(self, name: str, data: bytes) -> None:
        self._out.write(form.header(name, len(data)))
        self._out.write(data)
        self._out.write(form.padding(len(data)))

    def _member(self, name: str, data: bytes) -> None:
        digest = form.Digest()
        digest.update(data)
        self._entries[name] = digest.entry()
        self._write(name, data)

    def _stream(self, name: str, parts: Iterable[bytes]) -> None:
        """Write a member whose size is known only at its end."""
        start = self._out.tell()
        self._out.write(form.header(name, 0))
        digest = form.Digest()
        for part in parts:
            digest.update(part)
            self._out.write(part)
        self._out.write(form.padding(digest.size))
        end = self._out.tell()
        self._out.seek(start)
        self._out.write(form.header(name, digest.size))
        self._out.seek(end)
        self._entries[name] = digest.entry()


def _line(row: tuple[Any, ...]) -> dict[str, Any]:
    item = item_of(row)
    return {
        "id": item.id,
        "format": row[FORMAT],
        "bytes": row[BYTES],
        "caption": item.caption,
        "licence": item.licence,
        "creator": item.creator,
        "source": item.source,
        "tags": list(item.tags),
        "private": item.private,
        "width": item.width,
        "height": item.height,
        "added": row[10],
        "near": item.near,
        "phash": row[PHASH],
    }


def _vectors(
    shelf: VectorShelf, space: str, ids: list[bytes], kept: list[bytes]
) -> Iterator[bytes]:
    """Yield the embeddings of `ids` that there are, and note in `kept` whose they are."""
    for start in range(0, len(ids), PAGE):
        page = [one.hex() for one in ids[start : start + PAGE]]
        found = shelf.get(space, page)
        for one in page:
            if one in found:
                kept.append(bytes.fromhex(one))
                yield found[one].astype("<f4").tobytes()
