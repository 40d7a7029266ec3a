"""A Hugging Face image folder: folders for splits, folders for labels, metadata files.

```text
FOLDER/train/metadata.jsonl      {"file_name": "0001.png", "text": "a red kite"}
FOLDER/train/0001.png
FOLDER/test/golden retriever/0002.png
```

A metadata file (`metadata.csv`, `.jsonl` or `.parquet`) speaks of the images of its own folder and
of those below. Without one, the folder of an image is its label.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from imagerag.resources import local
from imagerag.roles import Found
from imagerag_datasets import captions, folders, tables
from imagerag_datasets.config import ImageFolderConfig
from imagerag_datasets.dataset import IMAGES, DatasetSource
from imagerag_datasets.described import Columns, Described, text
from imagerag_datasets.names import plain, refusal
from imagerag_datasets.place import Place, RefusedError
from imagerag_datasets.problems import Problems

_METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar")

_SPLITS = {
    "train": "train training",
    "validation": "validation valid val dev",
    "test": "test testing eval evaluation",
}
"""The names of folders that mean a split, as the library `datasets` reads them."""

_MEANS = {word: split for split, words in _SPLITS.items() for word in words.split()}


class ImageFolderSource(DatasetSource):
    """Reads the rows of metadata files first, then the images that none of them named."""

    config: ImageFolderConfig

    def count(self, location: str) -> int | None:
        """Return how many images lie in the folder."""
        path = Path(local(location)).expanduser()
        return folders.count(path, IMAGES) if path.is_dir() else None

    def found(self, path: Path) -> Iterator[Found]:
        """Yield the images of the folder."""
        place = self.place(path)
        named: set[int] = set()
        spoken: set[str] = set()  # Folders with a metadata file: those below are no labels.
        for table in self._metadata(path):
            folder = table.rpartition("/")[0]
            spoken.add(folder)
            yield from self._rows(place, table, folder, named)
        for name in folders.files(path, self.problems):
            if name.lower().endswith(_ARCHIVES):
                self.problems.note(name, "is an archive; unpack it, or read it as webdataset")
            if not name.lower().endswith(IMAGES) or hash(name) in named:
                continue
            split = _split_of(name)
            if not self.config.takes(split):
                continue
            title = ""
            if self.config.labels and spoken.isdisjoint(_above(name)):
                title = captions.words(_label_of(name))
            described = Described(
                captions.caption(self.config.caption, title), tags=captions.tags(title, split=split)
            )
            yield from self.image(place, name, described)

    def _metadata(self, root: Path) -> Iterator[str]:
        for name in folders.files(root, Problems()):
            if name.rpartition("/")[2] in _METADATA:
                yield name

    def _rows(self, place: Place, table: str, folder: str, named: set[int]) -> Iterator[Found]:
        columns = Columns()
        try:
            _, path = place.file(table)
        except RefusedError as refused:
            self.problems.note(table, str(refused))
            return

        def note(where: str, reason: str) -> None:
            self.problems.note(f"{table}, {where}", reason)

        for number, row in tables.rows(path, note):
            inside = text(row.get("file_name"))
            reason = refusal(inside, outside=self.config.allow_outside)
            if reason is not None:
                note(f"row {number}", "names no file" if not inside else f"{reason}: {inside[:80]}")
                continue
            name = plain(f"{folder}/{inside}" if folder else inside)
            split = text(row.get("split")) or _split_of(name)
            named.add(hash(name))
            if self.config.takes(split):
                yield from self.image(place, name, self._described(row, columns, split))

    def _described(self, row: Any, columns: Columns, split: str) -> Described:
        described = columns.described(row)
        said = described.caption
        if not said and described.tags:
            said = captions.caption(self.config.caption, captions.words(described.tags[0]))
        return replace(described, caption=said, tags=captions.tags(*described.tags, split=split))


def _split_of(name: str) -> str:
    """Return the split that a folder of the name means; of several, the outermost."""
    return next((_MEANS[p] for p in name.lower().split("/")[:-1] if p in _MEANS), "")


def _label_of(name: str) -> str:
    folder = name.rpartition("/")[0].rpartition("/")[2]
    return "" if folder.lower() in {*_MEANS, "data", "images"} else folder


def _above(name: str) -> Iterator[str]:
    """Yield the folders that a name lies in, "" for the outermost."""
    while name:
        name = name.rpartition("/")[0]
        yield name
