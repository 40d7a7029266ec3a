"""Sources that break a rule each."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from pathlib import Path

from imagerag.collection.folder import FolderSource


class StopsAtOne(FolderSource):
    """Finds one image, however many there are."""

    def find(self, location):
        yield from itertools.islice(super().find(location), 1)


class GivesBoth(FolderSource):
    """Gives the path and the bytes."""

    def find(self, location):
        for found in super().find(location):
            yield replace(found, data=found.path.read_bytes())


class Shuffles(FolderSource):
    """Has another order each time it is made."""

    _made = itertools.count()

    def __init__(self, config, context):
        super().__init__(config, context)
        self._seed = next(self._made)

    def find(self, location):
        found = list(super().find(location))
        random.Random(self._seed).shuffle(found)
        yield from found


class NamesByKind(FolderSource):
    """Names images by the end of their names."""

    def find(self, location):
        for found in super().find(location):
            yield replace(found, name=f"image{Path(found.name).suffix}")


class ListsAll(FolderSource):
    """Gives all images at once."""

    def find(self, location):
        return list(super().find(location))


class NamesWholePaths(FolderSource):
    """Names images by their whole paths."""

    def find(self, location):
        for found in super().find(location):
            yield replace(found, name=str(found.path))


class FindsNothing(FolderSource):
    """Finds nothing in a place that is not there."""

    def find(self, location):
        if Path(location).exists():
            yield from super().find(location)
