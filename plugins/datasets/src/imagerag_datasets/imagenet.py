"""ImageNet (ILSVRC 2012–2017, classification) as published.

```text
ILSVRC/Data/CLS-LOC/
  train/n01440764/n01440764_10026.JPEG
  val/ILSVRC2012_val_00000001.JPEG
  test/ILSVRC2012_test_00000001.JPEG
LOC_synset_mapping.txt    n01440764 tench, Tinca tinca
LOC_val_solution.csv      ImageId,PredictionString
                          ILSVRC2012_val_00048981,n03995372 85 1 499 272
```

`train` and `val` may also lie at the top, and `val` may have a folder for each synset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from imagerag.roles import Found
from imagerag_datasets import captions, folders, lines
from imagerag_datasets.config import ImageNetConfig
from imagerag_datasets.dataset import IMAGES, DatasetSource
from imagerag_datasets.described import Described
from imagerag_datasets.place import Place

_SPLITS = ("train", "val", "test")


class ImageNetSource(DatasetSource):
    """Reads ImageNet, split by split, synset by synset, by name."""

    config: ImageNetConfig

    def count(self, location: str) -> int | None:
        """Return how many images lie in the splits that are read."""
        if self.config.first_classes is not None:
            return None
        top = _top(Path(location).expanduser())
        return sum(
            folders.count(top / split, IMAGES)
            for split in _SPLITS
            if self.config.takes(split) and (top / split).is_dir()
        )

    def found(self, path: Path) -> Iterator[Found]:
        """Yield the images of each split that is there."""
        top = _top(path)
        splits = [split for split in _SPLITS if (top / split).is_dir()]
        if not splits:
            raise self.absent(path, "it has neither ILSVRC/Data/CLS-LOC nor a folder train or val")
        place = self.place(top)
        synsets = self._synsets(path, top)
        taken = None
        if self.config.first_classes is not None:
            taken = frozenset(sorted(synsets)[: self.config.first_classes])
        for split in splits:
            if self.config.takes(split):
                solution = _solution(path, split)
                yield from self._split(place, split, synsets, solution, taken)

    def _split(
        self,
        place: Place,
        split: str,
        synsets: Mapping[str, str],
        solution: Mapping[str, str],
        taken: frozenset[str] | None,
    ) -> Iterator[Found]:
        for name in folders.files(place.folder / split, self.problems):
            if not name.lower().endswith(IMAGES):
                continue
            folder, _, file = name.rpartition("/")
            wnid = folder if folder in synsets else solution.get(file.rpartition(".")[0], folder)
            if taken is not None and wnid not in taken:
                continue
            yield from self.image(place, f"{split}/{name}", self._described(wnid, synsets, split))

    def _described(self, wnid: str, synsets: Mapping[str, str], split: str) -> Described:
        names = [name.strip() for name in synsets.get(wnid, "").split(",") if name.strip()]
        title = ", ".join(names if self.config.synonyms else names[:1])
        return Described(
            captions.caption(self.config.caption, title),
            tags=captions.tags(*names, wnid, split=split),
        )

    def _synsets(self, path: Path, top: Path) -> dict[str, str]:
        for folder in (path, top, path / "devkit"):
            for name in ("LOC_synset_mapping.txt", "synset_words.txt"):
                if (folder / name).is_file():
                    return dict(lines.labels(folder / name))
        self.problems.note(
            "LOC_synset_mapping.txt", "is not there, so that synsets have no names and captions"
        )
        train = top / "train"
        return {e.name: "" for e in folders.entries(train, self.problems)} if train.is_dir() else {}


def _top(path: Path) -> Path:
    for inside in (path / "ILSVRC/Data/CLS-LOC", path / "Data/CLS-LOC"):
        if inside.is_dir():
            return inside
    return path


def _solution(path: Path, split: str) -> dict[str, str]:
    """Return the synset of each image of a split whose images lie in one folder."""
    table = path / f"LOC_{split}_solution.csv"
    if not table.is_file():
        return {}
    found = {}
    for first, _ in lines.labels(table):
        image, _, wnid = first.partition(",")
        if image != "ImageId" and wnid:
            found[image] = wnid
    return found
