"""iNaturalist as published for its competitions: species, with licences and creators.

```text
train.json  val.json  train_mini.json  public_test.json      (2017–2019: train2018.json …)
train/02912_Animalia_Chordata_Aves_…/a4e2….jpg
```

Each file is one object with the lists `images` (`id`, `file_name`, `license`, `rights_holder`),
`categories` (`id`, `name`, `common_name`, `kingdom` … `genus`, `image_dir_name`), `annotations`
(`image_id`, `category_id`) and `licenses` (`id`, `name`, `url`). It is read twice, element by
element: for the lists that say what an image is, then for the images.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagerag.errors import CollectionError
from imagerag.roles import Found
from imagerag_datasets import captions, json_stream
from imagerag_datasets.annotations import Annotated
from imagerag_datasets.config import INaturalistConfig
from imagerag_datasets.creative_commons import spdx
from imagerag_datasets.dataset import DatasetSource
from imagerag_datasets.described import Described, text
from imagerag_datasets.place import Place

_RANKS = ("kingdom", "phylum", "class", "order", "family", "genus")

_MOST = 1_000_000
"""Most categories or licences of a file; 2021 has 10,000 species."""


@dataclass
class _Lists:
    """What a file says beside its images."""

    categories: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    licences: dict[int, str | None] = field(default_factory=dict)
    annotated: Annotated = field(default_factory=lambda: Annotated(array("q"), array("q")))


class INaturalistSource(DatasetSource):
    """Reads the files of annotations, by name, and the images in their order."""

    config: INaturalistConfig

    def found(self, path: Path) -> Iterator[Found]:
        """Yield the images of each file of annotations whose split is read."""
        tables = [path] if path.is_file() else sorted(path.glob("*.json"))
        if not tables:
            raise self.absent(path, "it has no train.json, val.json or the like")
        place = self.place(tables[0].parent)
        for table in tables:
            if self.config.takes(table.stem):
                yield from self._table(place, table)

    def _table(self, place: Place, table: Path) -> Iterator[Found]:
        try:
            lists = self._lists(table)
            taken = None
            if self.config.first_classes is not None:
                taken = frozenset(list(lists.categories)[: self.config.first_classes])
            for key, image in json_stream.elements(table):
                if key == "images":
                    yield from self._image(place, table.stem, image, lists, taken)
        except json_stream.JsonError as trouble:
            self.problems.note(table.name, f"cannot be read to its end: {trouble}")
        except OSError as error:
            raise CollectionError(
                f"{str(table)!r} cannot be read: {error.strerror or error}. Check the path."
            ) from error

    def _lists(self, table: Path) -> _Lists:
        lists = _Lists()
        images, categories = array("q"), array("q")
        for key, value in json_stream.elements(table):
            if not isinstance(value, dict):
                continue
            number = _number(value.get("id"))
            if key == "annotations":
                image, category = _number(value.get("image_id")), _number(value.get("category_id"))
                if image is not None and category is not None:
                    images.append(image)
                    categories.append(category)
            elif key == "categories" and number is not None and len(lists.categories) < _MOST:
                lists.categories[number] = value
                folder = text(value.get("image_dir_name")) or text(value.get("name"))
                lists.folders.setdefault(folder, number)
                lists.folders.setdefault(str(number), number)
            elif key == "licenses" and number is not None and len(lists.licences) < _MOST:
                name, url = text(value.get("name")), text(value.get("url"))
                lists.licences[number] = spdx(name, url)
        lists.annotated = Annotated(images, categories)
        return lists

    def _image(
        self,
        place: Place,
        split: str,
        image: Any,
        lists: _Lists,
        taken: frozenset[int] | None,
    ) -> Iterator[Found]:
        name = text(image.get("file_name")) if isinstance(image, dict) else ""
        number = _number(image.get("id")) if name else None
        category = None if number is None else lists.annotated.category(number)
        if category is None:
            # Folders are named for the category: by its own name, or by its number.
            folder = name.rpartition("/")[0].rpartition("/")[2]
            category = lists.folders.get(folder)
        if taken is not None and category not in taken:
            return
        described = self._described(image, split, lists, category) if name else Described()
        yield from self.image(place, name, described)

    def _described(
        self, image: Mapping[str, Any], split: str, lists: _Lists, category: int | None
    ) -> Described:
        about = lists.categories.get(category, {}) if category is not None else {}
        scientific = text(about.get("name"))
        common = text(about.get("common_name"))
        title = (common or scientific) if self.config.names == "common" else scientific
        licence = _number(image.get("license"))
        return Described(
            caption=captions.caption(self.config.caption, title),
            licence=lists.licences.get(licence) if licence is not None else None,
            creator=text(image.get("rights_holder")) or None,
            tags=captions.tags(
                common, scientific, *(text(about.get(rank)) for rank in _RANKS), split=split
            ),
        )


def _number(value: Any) -> int | None:
    """Return a whole number that 64 bits hold, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 1 << 63:
        return None
    return value
