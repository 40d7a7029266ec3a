"""CUB-200-2011 as published: 11,788 pictures of 200 species of birds.

```text
CUB_200_2011/
  images.txt                1 001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg
  image_class_labels.txt    1 1
  classes.txt               1 001.Black_footed_Albatross
  train_test_split.txt      1 0         (1 is training)
  bounding_boxes.txt        1 60.0 27.0 325.0 304.0      (x, y, width, height)
  images/001.Black_footed_Albatross/….jpg
```
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imagerag.roles import Found
from imagerag_datasets import captions, lines
from imagerag_datasets.config import CubConfig
from imagerag_datasets.dataset import DatasetSource
from imagerag_datasets.described import Described
from imagerag_datasets.names import refusal


class CubSource(DatasetSource):
    """Reads CUB-200-2011 in the order of images.txt."""

    config: CubConfig

    def count(self, location: str) -> int | None:
        """Return the number of lines of images.txt."""
        folder = _folder(Path(location).expanduser())
        return lines.count(folder / "images.txt")

    def found(self, path: Path) -> Iterator[Found]:
        """Yield the images of images.txt."""
        folder = _folder(path)
        if not (folder / "images.txt").is_file():
            raise self.absent(path, "it has no images.txt")
        place = self.place(folder)
        species = {key: captions.words(name) for key, name in lines.labels(folder / "classes.txt")}
        classes = dict(lines.labels(folder / "image_class_labels.txt"))
        training = dict(lines.labels(folder / "train_test_split.txt"))
        boxes = dict(lines.labels(folder / "bounding_boxes.txt")) if self.config.boxes else {}
        for number, name in lines.labels(folder / "images.txt"):
            split = {"1": "train", "0": "test"}.get(training.get(number, ""), "")
            if not self.config.takes(split):
                continue
            # images.txt names files inside images/, which must not be left either.
            if not self.config.allow_outside and (reason := refusal(name)):
                self.problems.note(name, reason)
                continue
            title = species.get(classes.get(number, ""), "")
            box = ",".join(boxes.get(number, "").split())
            described = Described(
                captions.caption(self.config.caption, title),
                tags=captions.tags(title, f"box:{box}" if box else "", split=split),
            )
            yield from self.image(place, f"images/{name}", described)


def _folder(path: Path) -> Path:
    inside = path / "CUB_200_2011"
    return inside if inside.is_dir() else path
