"""A table that names images: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from imagerag.resources import local
from imagerag.roles import Found
from imagerag_datasets import captions, tables
from imagerag_datasets.config import ManifestConfig
from imagerag_datasets.dataset import DatasetSource
from imagerag_datasets.described import Columns, text
from imagerag_datasets.names import refusal
from imagerag_datasets.place import Place


class ManifestSource(DatasetSource):
    """Reads one row after another; each names a file, or holds the bytes of an image.

    A Parquet column of images in Hugging Face's form, `{"bytes": …, "path": …}`, is read as well.
    """

    config: ManifestConfig

    def count(self, location: str) -> int | None:
        """Return the number of rows."""
        return tables.count(Path(local(location)).expanduser())

    def found(self, path: Path) -> Iterator[Found]:
        """Yield the image of each row."""
        if not path.is_file():
            raise self.absent(path, "there is no such file")
        if path.suffix.lower() not in tables.SUFFIXES:
            raise self.absent(path, f"its name ends in none of {', '.join(tables.SUFFIXES)}")
        root = path.parent
        if self.config.root is not None:
            root = root / Path(local(self.config.root)).expanduser()
        place = self.place(root)
        columns = Columns(file=self.config.file, caption=self.config.caption, tags=self.config.tags)

        def note(where: str, reason: str) -> None:
            self.problems.note(f"{path.name}, {where}", reason)

        named = False
        for number, row in tables.rows(path, note):
            key = columns.key(row, "file")
            if key is None:
                if not named:
                    told = ", ".join(list(map(str, row))[:20])
                    wanted = self.config.file or "of file names, such as file_name"
                    raise self.absent(path, f"it has no column {wanted} (it has: {told[:200]})")
                note(f"row {number}", "names no file")
                continue
            named = True
            split = text(row.get(self.config.split_column))
            if self.config.takes(split):
                yield from self._row(place, path, number, row, row[key], columns, split)

    def _row(
        self,
        place: Place,
        path: Path,
        number: int,
        row: tables.Row,
        image: Any,
        columns: Columns,
        split: str,
    ) -> Iterator[Found]:
        described = columns.described(row)
        described = replace(described, tags=captions.tags(*described.tags, split=split))
        data = image.get("bytes") if isinstance(image, dict) else image
        if isinstance(data, bytes):
            named = text(image.get("path")) if isinstance(image, dict) else ""
            if not named or refusal(named) is not None:
                named = f"{number:09d}"
            yield self.made(f"{path.name}/{number:09d}/{named}", described, data=data)
            return
        name = text(image.get("path")) if isinstance(image, dict) else text(image)
        if not name:
            self.problems.note(f"{path.name}, row {number}", "names no file")
            return
        yield from self.image(place, name, described)
