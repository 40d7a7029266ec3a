"""What img2dataset writes, as for subsets of LAION, in three of its output formats.

```text
files        00000/000000000.jpg  .txt  .json      00000.parquet  00000_stats.json
webdataset   00000.tar with the same members       00000.parquet  00000_stats.json
parquet      00000.parquet with the columns key, caption, url, status … and jpg, the bytes
```
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imagerag.resources import local
from imagerag.roles import Found
from imagerag_datasets import folders, tables
from imagerag_datasets.archives import ArchiveSource
from imagerag_datasets.config import Img2datasetConfig
from imagerag_datasets.dataset import IMAGES
from imagerag_datasets.described import Columns, from_json, text
from imagerag_datasets.place import Place, RefusedError
from imagerag_datasets.sample import IMAGE_EXTENSIONS, LARGEST_TEXT, Sample

_MOST_STATS = 100_000


class Img2datasetSource(ArchiveSource):
    """Reads shard by shard, by name."""

    config: Img2datasetConfig

    def count(self, location: str) -> int | None:
        """Return how many downloads succeeded, as the files of statistics say."""
        total = 0
        for number, file in enumerate(sorted(Path(local(location)).glob("*_stats.json"))):
            if number >= _MOST_STATS or file.stat().st_size > LARGEST_TEXT:
                return None
            successes = (from_json(file.read_bytes()) or {}).get("successes")
            total += successes if isinstance(successes, int) else 0
        return total or None

    def found(self, path: Path) -> Iterator[Found]:
        """Yield the images of each shard."""
        place = self.place(path)
        form = self._format(path)
        for entry in folders.entries(path, self.problems):
            if form == "files" and entry.is_dir(follow_symlinks=False):
                yield from self._folder(place, entry.name)
            elif (form == "webdataset" and entry.name.endswith(".tar")) or (
                form == "parquet" and entry.name.endswith(".parquet")
            ):
                try:
                    name, shard = place.file(entry.name)
                except RefusedError as refused:
                    self.problems.note(entry.name, str(refused))
                    continue
                read = self.shard if form == "webdataset" else self._table
                yield from read(name, shard)

    def _format(self, path: Path) -> str:
        if self.config.format != "auto":
            return self.config.format
        listed = folders.entries(path, self.problems)
        # The two other formats leave tables without images beside the images.
        if any(entry.name.endswith(".tar") for entry in listed):
            return "webdataset"
        if any(e.name.isdigit() and e.is_dir(follow_symlinks=False) for e in listed):
            return "files"
        if any(entry.name.endswith(".parquet") for entry in listed):
            return "parquet"
        raise self.absent(path, "it has neither folders such as 00000, nor .tar, nor .parquet")

    def _folder(self, place: Place, shard: str) -> Iterator[Found]:
        for entry in folders.entries(place.folder / shard, self.problems):
            name = f"{shard}/{entry.name}"
            stem, _, suffix = name.rpartition(".")
            if f".{suffix.lower()}" in IMAGES:
                sample = Sample(stem)
                for extension in ("txt", "json"):
                    sample.texts |= _text(place, stem, extension)
                yield from self.image(place, name, sample.described())

    def _table(self, name: str, path: Path) -> Iterator[Found]:
        columns = Columns()

        def note(where: str, reason: str) -> None:
            self.problems.note(f"{name}, {where}", reason)

        for number, row in tables.rows(path, note):
            key = text(row.get("key")) or f"{number:09d}"
            status = text(row.get("status")) or "success"
            extension = next((e for e in row if e in IMAGE_EXTENSIONS), None)
            data = row[extension] if extension is not None else None
            if status != "success":
                note(key, f"was not downloaded ({status[:80]}); nothing is fetched here")
            elif not isinstance(data, bytes):
                note(key, "is a row without the bytes of an image; nothing is fetched here")
            else:
                yield self.made(f"{name}/{key}.{extension}", columns.described(row), data=data)


def _text(place: Place, stem: str, extension: str) -> dict[str, bytes]:
    """Return the text beside an image, by extension; nothing where there is none to be read."""
    try:
        _, path = place.file(f"{stem}.{extension}")
        with path.open("rb") as file:
            data = file.read(LARGEST_TEXT + 1)
    except (RefusedError, OSError):
        return {}
    return {extension: data} if len(data) <= LARGEST_TEXT else {}
