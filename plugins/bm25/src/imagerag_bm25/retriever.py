"""The `bm25` retriever: finds items by the words of their captions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING

from imagerag.errors import CapabilityError, CollectionError
from imagerag.roles import Context, Retriever
from imagerag.values import Facts, Hit, Item, Query
from imagerag_bm25.config import Bm25RetrieverConfig
from imagerag_bm25.index import CaptionIndex, Synced, index_folder
from imagerag_bm25.info import indexes_in_words
from imagerag_bm25.purge import purge_indexes

if TYPE_CHECKING:
    from pathlib import Path

    from imagerag.collection import Collection

LICENCE = "Apache-2.0"

MEMORY_GB = 0.4
"""While an index of 350,000 captions is built; asking it takes a tenth (bench/bm25.py)."""

_SPARE = 6
"""Hits that are fetched beyond those asked for, in case some were removed since the last sync."""


class Bm25Retriever(Retriever):
    """Finds the items whose captions share words with a text, the rarest words counting most.

    An item whose caption shares no word with the query is no hit, so fewer than `k` may come back.
    """

    config: Bm25RetrieverConfig

    compares = "own"

    def __init__(self, config: Bm25RetrieverConfig, context: Context) -> None:
        """Take the options; nothing is opened before the first sync."""
        super().__init__(config, context)
        self._index = CaptionIndex(config, context.progress)

    def close(self) -> None:
        """Let go of the index's files."""
        self._index.close()

    def versions(self) -> Mapping[str, str]:
        """Return the variant of BM25 with its constants, and the id of what counts as a word."""
        return {
            "bm25": f"lucene, k1 = {self.config.k1}, b = {self.config.b}",
            "words": self._index.words.id[:16],
        }

    def facts(self) -> Facts:
        """Return what this retriever is; it needs no model."""
        return Facts(
            model="BM25 (Lucene's form)",
            implementation="imagerag_bm25.retriever.Bm25Retriever",
            licence=LICENCE,
            commercial=True,
            memory_gb=MEMORY_GB,
            usd_per_picture=0.0,
            proven="the same scores as a naive BM25, through any order of changes and through "
            "killed processes; 350,000 generated captions",
        )

    def sync(self, collection: Collection) -> int:
        """Catch up with the collection; return how many changes were applied.

        A damaged index is built anew, with a warning in the log.
        """
        return self._index.sync(collection)

    def search(
        self, queries: Sequence[Query], k: int, where: Callable[[Item], bool] | None = None
    ) -> list[list[Hit]]:
        """Return up to `k` hits per query: scores descending, ties by item id, ids unique.

        Removed items never come back, even where they were removed after the last sync. With
        `where`, the search goes on until `k` items pass or none is left that shares a word.

        Raises:
            CapabilityError: A query is a picture.
            CollectionError: Nothing was synchronised yet.
        """
        synced = self._index.synced
        if synced is None:
            raise CollectionError(
                "The index was searched before it was synchronised with a collection. "
                "Call sync(collection) first, or run: imagerag index"
            )
        texts = [text_of(query, "retriever") for query in queries]
        return [self._search(synced, text, k, where) for text in texts]

    def info(self, collection: Collection) -> Mapping[str, str]:
        """Say what the indexes of words hold, and whether they are up to date."""
        folder = index_folder(collection.path, self.config)
        return indexes_in_words(collection, folder, self._index.words.id)

    def purge(self, collection_path: Path, ids: Set[str]) -> set[str]:
        """Write the collection's BM25 indexes anew without some items; return those folders."""
        return purge_indexes(collection_path, ids)

    def _search(
        self, synced: Synced, text: str, k: int, where: Callable[[Item], bool] | None
    ) -> list[Hit]:
        words = self._index.words.of(text)
        found: list[Hit] = []
        if k < 1 or not words:
            return found
        done, width = 0, k + _SPARE
        while True:
            scores, ids = synced.ranking.best(words, width)
            names = [row.tobytes().hex() for row in ids[done:]]
            # From the catalogue, not from the index: what was removed since is not there.
            items = synced.collection.lookup(names)
            for name, score in zip(names, scores[done:].tolist(), strict=True):
                item = items.get(name)
                if item is not None and (where is None or where(item)):
                    found.append(Hit(item, score, text))
                    if len(found) == k:
                        return found
            if len(ids) < width:
                return found
            done, width = len(ids), width * 8


def text_of(query: Query, role: str) -> str:
    """Return the text of a query. Raises `CapabilityError` where it is a picture."""
    if query.text is None:
        raise CapabilityError(
            f"The {role} 'bm25' (imagerag-bm25) compares words, and was asked with a picture. Ask "
            f"with a text, or choose another: `imagerag plugins list --role {role}`."
        )
    return query.text
