"""FGVC-Aircraft (2013b) as published: 10,000 pictures of 100 models of aircraft.

```text
fgvc-aircraft-2013b/data/
  images_variant_train.txt         1025794 707-320      (…_val, …_test, and …_trainval: both)
  images_family_train.txt          1025794 Boeing 707
  images_manufacturer_train.txt    1025794 Boeing
  images_box.txt                   1025794 3 144 998 431      (left, top, right, bottom, from 1)
  variants.txt families.txt manufacturers.txt
  images/1025794.jpg
```

The lowest 20 pixels of each picture are a line that names its photographer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imagerag.roles import Found
from imagerag_datasets import captions, lines
from imagerag_datasets.config import AircraftConfig
from imagerag_datasets.dataset import DatasetSource
from imagerag_datasets.described import Described
from imagerag_datasets.names import refusal

_SPLITS = ("train", "val", "test")
"""`trainval` is train and val together, and so is not read beside them."""


class AircraftSource(DatasetSource):
    """Reads FGVC-Aircraft, split by split, in the order of its files."""

    config: AircraftConfig

    def count(self, location: str) -> int | None:
        """Return the number of lines of the splits that are read."""
        folder = _folder(Path(location).expanduser())
        counts = [
            lines.count(folder / f"images_variant_{split}.txt")
            for split in _SPLITS
            if self._takes(split)
        ]
        return sum(one or 0 for one in counts) or None

    def found(self, path: Path) -> Iterator[Found]:
        """Yield the images of each split."""
        folder = _folder(path)
        if not any((folder / f"images_variant_{split}.txt").is_file() for split in _SPLITS):
            raise self.absent(path, "it has no images_variant_train.txt")
        place = self.place(folder)
        box_file = folder / "images_box.txt"
        boxes = dict(lines.labels(box_file)) if self.config.boxes else {}
        for split in _SPLITS:
            variants = folder / f"images_variant_{split}.txt"
            if not self._takes(split) or not variants.is_file():
                continue
            families = dict(lines.labels(folder / f"images_family_{split}.txt"))
            makers = dict(lines.labels(folder / f"images_manufacturer_{split}.txt"))
            for number, variant in lines.labels(variants):
                # The number becomes the name of a file inside images/.
                if not self.config.allow_outside and (reason := refusal(number)):
                    self.problems.note(number, reason)
                    continue
                maker, family = makers.get(number, ""), families.get(number, "")
                names = {"variant": variant, "family": family, "manufacturer": maker}
                title = _with_maker(names[self.config.level], maker)
                box = ",".join(boxes.get(number, "").split())
                described = Described(
                    captions.caption(self.config.caption, title),
                    tags=captions.tags(
                        variant, family, maker, f"box:{box}" if box else "", split=split
                    ),
                )
                yield from self.image(place, f"images/{number}.jpg", described)

    def _takes(self, split: str) -> bool:
        together = split in ("train", "val") and self.config.takes("trainval")
        return self.config.takes(split) or together


def _with_maker(name: str, maker: str) -> str:
    """Put the maker before a name that says nothing without: "707-320" → "Boeing 707-320"."""
    if not maker or not name or name.lower().startswith(maker.lower()):
        return name
    return f"{maker} {name}"


def _folder(path: Path) -> Path:
    for inside in (path / "data", path / "fgvc-aircraft-2013b" / "data"):
        if (inside / "images").is_dir():
            return inside
    return path
