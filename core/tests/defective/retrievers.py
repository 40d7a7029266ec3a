"""Retrievers that break a rule each."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from imagerag.testing.doubles import MemoryRetriever


class AnswersTheFirst(MemoryRetriever):
    """Gives every query what the first one finds."""

    def search(self, queries, k, where=None):
        found = super().search(queries, k, where)
        return [found[0] for _ in found]


class CountsBeforehand(MemoryRetriever):
    """Cannot be asked for more than there is."""

    def search(self, queries, k, where=None):
        if self._items and k > len(self._items):
            raise IndexError(f"k = {k} is larger than {len(self._items)}")
        return super().search(queries, k, where)


class SwapsTheLast(MemoryRetriever):
    """Gives the last two hits in the wrong order."""

    def _one(self, query, k, where):
        hits = super()._one(query, k, where)
        return [*hits[:-2], *hits[:-3:-1]] if len(hits) > 2 else hits


class TiesAsAdded(MemoryRetriever):
    """Leaves hits of the same score in the order in which items were added."""

    def _one(self, query, k, where):
        hits = super()._one(query, 10_000, where)
        place = {item.id: n for n, item in enumerate(self._collection.items())} if hits else {}
        return sorted(hits, key=lambda hit: (-hit.score, place[hit.item.id]))[:k]


class FillsUpWithTheLast(MemoryRetriever):
    """Fills up to `k` with the last hit."""

    def _one(self, query, k, where):
        hits = super()._one(query, k, where)
        return hits + hits[-1:] * (k - len(hits))


class GivesOneMore(MemoryRetriever):
    """Gives one hit more than it is asked for."""

    def _one(self, query, k, where):
        return super()._one(query, k + 1, where)


class RewritesCaptions(MemoryRetriever):
    """Keeps captions in a form of its own."""

    def _one(self, query, k, where):
        hits = super()._one(query, k, where)
        return [
            replace(hit, item=replace(hit.item, caption=hit.item.caption.upper())) for hit in hits
        ]


class MissesSome(MemoryRetriever):
    """Misses the third to fifth of the nearest, and says that it is exact."""

    def _one(self, query, k, where):
        if query.text is None or k > 10:
            return super()._one(query, k, where)
        hits = super()._one(query, k + 3, where)
        return [*hits[:2], *hits[5:]] if k > 2 and len(hits) == k + 3 else hits[:k]


class FiltersAfterwards(MemoryRetriever):
    """Takes the best `k`, and then those of them that pass the filter."""

    def _one(self, query, k, where):
        hits = super()._one(query, k, None)
        return [hit for hit in hits if where is None or where(hit.item)]


class RemembersTheRemoved(MemoryRetriever):
    """Finds what was removed until it catches up."""

    def _one(self, query, k, where):
        collection, self._collection = self._collection, _Fixed(self._collection, self._items)
        try:
            return super()._one(query, k, where)
        finally:
            self._collection = collection


class _Fixed:
    """A collection that does not change any more."""

    def __init__(self, collection, items):
        self._collection, self._items = collection, items

    def lookup(self, ids):
        return {item.id: item for item in self._items}

    def image(self, identity):
        return self._collection.image(identity)


class TrustsTheDimension(MemoryRetriever):
    """Takes over vectors that were kept, whoever made them, where their lengths fit."""

    def sync(self, collection):
        if collection.change == self._change and collection is self._collection:
            return 0
        file = collection.path / "indexes" / "vectors.npy"
        kept = np.load(file) if file.exists() else None
        applied = super().sync(collection)
        if kept is not None and kept.shape == self._captions.shape:
            self._captions = kept
        file.parent.mkdir(exist_ok=True)
        np.save(file, self._captions)
        return applied


class AlwaysHasWork(MemoryRetriever):
    """Begins anew each time it catches up."""

    def sync(self, collection):
        self._change = -1
        return super().sync(collection)


class LosesTheEndOfABatch(MemoryRetriever):
    """Works in batches of 32, and drops a last batch of one."""

    def sync(self, collection):
        applied = super().sync(collection)
        newest = list(collection.items())
        if len(newest) % 32 == 1 and len(newest) > 1:
            keep = [n for n, item in enumerate(self._items) if item.id != newest[-1].id]
            self._items = [self._items[n] for n in keep]
            self._captions = self._captions[keep]
        return applied


class FearsTheVoid(MemoryRetriever):
    """Cannot search where nothing is."""

    def search(self, queries, k, where=None):
        if self._collection is not None and not self._items:
            raise ValueError("need at least one array to concatenate")
        return super().search(queries, k, where)


_FIRST = "a picture of a purple umbrella"


class IsSpoiltByItsFiles(MemoryRetriever):
    """Loses the first item of an index that is there already."""

    def sync(self, collection):
        if collection.change == self._change and collection is self._collection:
            return 0
        applied = super().sync(collection)
        space = self.context.component("encoder").space
        mark = collection.path / "indexes" / hashlib.sha256(space.encode()).hexdigest()[:8]
        if mark.exists() and applied:
            keep = [n for n, item in enumerate(self._items) if item.caption != _FIRST]
            self._items = [self._items[n] for n in keep]
            self._captions = self._captions[keep]
        mark.parent.mkdir(exist_ok=True)
        mark.touch()
        return applied


class IgnoresPictures(MemoryRetriever):
    """Finds nothing for a picture, without a word."""

    def _one(self, query, k, where):
        return [] if query.text is None else super()._one(query, k, where)
