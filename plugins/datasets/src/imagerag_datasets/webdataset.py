"""WebDataset: shards of samples, `.tar` or `.tar.gz`.

A sample is the members that share a key: `000001.jpg`, `000001.txt` (its caption), `000001.json`
(caption, licence and so on) and `000001.cls` (the number of its class). A location is one shard, a
folder of them, or a pattern: `shard-{000000..000099}.tar`, also several joined by `::`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imagerag.resources import local
from imagerag.roles import Context, Found
from imagerag_datasets import captions, folders, lines, shards
from imagerag_datasets.archives import ArchiveSource
from imagerag_datasets.config import WebDatasetConfig
from imagerag_datasets.described import Described
from imagerag_datasets.place import RefusedError
from imagerag_datasets.sample import Sample

_MOST_CLASSES = 1_000_000


class WebDatasetSource(ArchiveSource):
    """Reads shard by shard, by name, or in the order of the pattern."""

    config: WebDatasetConfig

    def __init__(self, config: Any, context: Context) -> None:
        """Read as `config` says."""
        super().__init__(config, context)
        self._classes: list[str] = []

    def found(self, path: Path) -> Iterator[Found]:
        """Yield the images of each shard."""
        self._classes = self._names()
        for name, shard in self._shards(path):
            yield from self.shard(name, shard)

    def _shards(self, path: Path) -> Iterator[tuple[str, Path]]:
        if shards.is_pattern(str(path)):
            yield from self._of_pattern(path)
        elif path.is_file():
            yield path.name, path
        elif path.is_dir():
            place = self.place(path)
            names = [n for n in folders.files(path, self.problems) if _is_shard(n)]
            if not names:
                raise self.absent(path, f"no file in it ends in {' or '.join(shards.SUFFIXES)}")
            for name in names:
                try:
                    yield place.file(name)
                except RefusedError as refused:
                    self.problems.note(name, str(refused))
        else:
            raise self.absent(path, "there is no such file, folder or pattern")

    def _of_pattern(self, path: Path) -> Iterator[tuple[str, Path]]:
        base = shards.base_of(str(path))
        found = False
        for location in shards.expand(str(path)):
            shard = Path(location).absolute()
            inside = shard.is_relative_to(base)
            name = shard.relative_to(base if inside else shard.anchor).as_posix()
            if not shard.is_file():
                self.problems.note(name, "is not there")
                continue
            found = True
            yield name, shard
        if not found:
            raise self.absent(path, "no archive that the pattern means is there")

    def about(self, one: Sample) -> Described:
        """Return what is known of a sample; its class gives a caption where nothing else does."""
        said = one.described()
        number = one.number
        if number is None or number >= len(self._classes):
            return said
        title = captions.words(self._classes[number])
        return Described(
            said.caption or captions.caption(self.config.caption, title),
            said.licence,
            said.creator,
            said.source,
            captions.tags(*said.tags, title),
        )

    def _names(self) -> list[str]:
        if self.config.classes is None:
            return []
        path = Path(local(self.config.classes)).expanduser()
        if not path.is_file():
            raise self.absent(path, "it should hold the names of classes")
        found = []
        for number, line in lines.bounded(path):
            if number > _MOST_CLASSES:
                break
            found.append((line or "").strip()[:200])
        return found


def _is_shard(name: str) -> bool:
    return name.lower().endswith(shards.SUFFIXES)
