"""The index of a collection's captions, in the collection's own folder, caught up by `sync`."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imagerag.folder_lock import only_one
from imagerag.values import Item
from imagerag_bm25.config import Bm25RetrieverConfig
from imagerag_bm25.formula import Formula
from imagerag_bm25.manifest import DamagedIndexError, Manifest
from imagerag_bm25.ranking import Ranking
from imagerag_bm25.segment import SegmentBuilder
from imagerag_bm25.store import CaptionStore
from imagerag_bm25.words import Words

if TYPE_CHECKING:
    from imagerag.collection import Collection

log = logging.getLogger(__name__)

BLOCK = 131_072
"""Captions that are held in memory while an index is built: some 100 MB, and what a crash costs."""

_TELL = 1_000
"""Captions between two reports of progress."""


@dataclass(frozen=True)
class Synced:
    """What the last sync left: a collection, and the ranking of its captions."""

    collection: Collection
    manifest: Manifest
    ranking: Ranking


class CaptionIndex:
    """An index that several components, threads and processes may use at once.

    Its folder depends on what counts as a word and on `tags`, not on how words are weighed: so
    trying other constants costs nothing, and retriever and re-ranker share one index.
    """

    def __init__(
        self, config: Bm25RetrieverConfig, progress: Callable[[str, int, int], None]
    ) -> None:
        """Take the options; nothing is opened before the first sync."""
        self._config = config
        self._progress = progress
        self._lock = threading.RLock()
        self._synced: Synced | None = None
        self._trusted: set[str] = set()

    @cached_property
    def words(self) -> Words:
        """The reading of texts that the index was made with."""
        return Words(self._config.stop_words, self._config.stemmer)

    @property
    def synced(self) -> Synced | None:
        """What the last sync left, None before the first."""
        return self._synced

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            self._synced = None

    def sync(self, collection: Collection) -> int:
        """Catch up with the collection; return how many changes were applied.

        A damaged index is built anew, with a warning in the log. Raises `CollectionError` where
        the folder cannot be written to.
        """
        with self._lock:
            folder = index_folder(collection.path, self._config)
            if self._is_current(folder, collection):
                return 0
            with only_one(folder):
                store = self._loaded(folder, collection)
                applied = self._apply(store, collection)
            ranking = Ranking(store, Formula(self._config.k1, self._config.b))
            self._synced = Synced(collection, store.manifest, ranking)
            return applied

    def _is_current(self, folder: Path, collection: Collection) -> bool:
        synced = self._synced
        return (
            synced is not None
            and synced.collection is collection
            and synced.manifest.change == collection.change
            and _on_disk(folder) == synced.manifest
        )

    def _loaded(self, folder: Path, collection: Collection) -> CaptionStore:
        """Return the index on disk, or an empty one where there is none that can be used."""
        try:
            manifest = Manifest.read(folder)
            usable = (
                manifest is not None
                and manifest.words == self.words.id
                and manifest.collection == collection.uid
                and manifest.change <= collection.change
            )
            if manifest is not None and usable:
                return CaptionStore.load(folder, manifest, self._trusted)
        except DamagedIndexError as error:
            log.warning("The index %s is damaged and is built anew: %s.", folder, error)
        return CaptionStore(folder, Manifest(self.words.id, collection.uid))

    def _apply(self, store: CaptionStore, collection: Collection) -> int:
        """Bring `store` to the collection's present change, block by block."""
        until = last = max(collection.change, store.manifest.change)
        total = until - store.manifest.change
        applied = 0
        changed: list[str] = []
        builder = SegmentBuilder()
        for change in collection.changes(store.manifest.change):
            applied += 1
            last = change.number
            changed.append(change.id)
            if change.item is not None:
                builder.add(change.id, self.words.of(self._text(change.item)))
            if applied % _TELL == 0:
                self._progress("index", applied, total)
            if len(changed) >= BLOCK:
                _take(store, changed, builder)
                # What is done so far need not be done again after a crash.
                store.commit(last)
                changed, builder = [], SegmentBuilder()
        _take(store, changed, builder)
        if applied or _on_disk(store.folder) != store.manifest:
            store.compact()
            store.commit(max(until, last))
            self._trusted.update(store.manifest.files())
            store.tidy()
        return applied

    def _text(self, item: Item) -> str:
        # A line's end keeps the last word of one from becoming part of the next.
        return "\n".join((item.caption, *item.tags)) if self._config.tags else item.caption


def _take(store: CaptionStore, changed: list[str], builder: SegmentBuilder) -> None:
    """Put new rows into a store, in place of those that their items had."""
    store.bury(store.numbers(changed).values())
    if len(builder):
        store.append(builder.segment())


def _on_disk(folder: Path) -> Manifest | None:
    try:
        return Manifest.read(folder)
    except DamagedIndexError:
        return None


def index_folder(collection: Path, config: Bm25RetrieverConfig) -> Path:
    """Return where the index of a collection lies that is made with these options."""
    options = config.model_dump(mode="json", include={"tags", "stop_words", "stemmer"})
    digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()
    return collection / "indexes" / f"bm25-{digest[:16]}"
