"""The `bm25` re-ranker: orders candidates by the words of captions that the critic writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from contextlib import closing
from typing import TYPE_CHECKING

from imagerag.errors import CollectionError
from imagerag.folder_lock import only_one
from imagerag.roles import Context, Critic, Reranker
from imagerag.values import Facts, Hit, Item, Query
from imagerag_bm25.captioner import Captioner, can_caption, cannot_caption
from imagerag_bm25.config import Bm25RerankerConfig
from imagerag_bm25.formula import Formula
from imagerag_bm25.index import CaptionIndex
from imagerag_bm25.retriever import LICENCE, MEMORY_GB, text_of
from imagerag_bm25.shelf import CaptionShelf

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from imagerag.collection import Collection


class Bm25Reranker(Reranker):
    """Orders hits by BM25 between the query and a caption of each image.

    How rare a word is, is counted over the captions of the whole collection, never over the hits:
    so a hit's score does not depend on the others. Hits keep their retrieval scores; equal ones
    keep their order, and those without a word of the query come last.
    """

    config: Bm25RerankerConfig

    def __init__(self, config: Bm25RerankerConfig, context: Context) -> None:
        """Check that the critic can write captions, where it has to.

        Raises `CapabilityError`, which names critics that can, where it cannot.
        """
        super().__init__(config, context)
        self._index = CaptionIndex(config, context.progress)
        self._captioner: Captioner | None = None
        if config.captions == "critic":
            self._captioner = self._made()
            if self._captioner is None:
                raise cannot_caption(context.component("critic"))

    def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """Return a permutation of `hits`, the best first.

        Raises:
            CapabilityError: The query is a picture.
            CollectionError: The run has no collection.
        """
        text = text_of(query, "reranker")
        if len(hits) < 2:
            return list(hits)
        collection = self._collection()
        self._index.sync(collection)
        synced = self._index.synced
        assert synced is not None
        formula = Formula(self.config.k1, self.config.b)
        words, pool = self._index.words, synced.ranking.pool
        asked = words.of(text)
        captions = self._captions([hit.item for hit in hits], collection)
        scores = [pool.score(formula, asked, words.of(caption)) for caption in captions]
        order = sorted(range(len(hits)), key=lambda at: (-scores[at], at))
        return [hits[at] for at in order]

    def versions(self) -> Mapping[str, str]:
        """Return the variant of BM25, what counts as a word, and whose captions are read."""
        found = {
            "bm25": f"lucene, k1 = {self.config.k1}, b = {self.config.b}",
            "words": self._index.words.id[:16],
            "captions": self.config.captions,
        }
        if self._captioner is not None:
            found["captioner"] = self._captioner.id[:16]
        return found

    def facts(self) -> Facts:
        """Return what this re-ranker is; what the critic's captions cost is the critic's to say."""
        free = self.config.captions == "catalogue" or not self._critic().remote
        return Facts(
            model="BM25 (Lucene's form)",
            implementation="imagerag_bm25.reranker.Bm25Reranker",
            licence=LICENCE,
            commercial=True,
            memory_gb=MEMORY_GB,
            usd_per_picture=0.0 if free else None,
            proven="the order of a naive BM25 with the whole collection's word counts; no image is "
            "captioned twice, also by two processes",
        )

    def close(self) -> None:
        """Let go of the index's files and of the kept captions."""
        self._index.close()
        if self._captioner is not None:
            self._captioner.close()

    @classmethod
    def purge(cls, collection_path: Path, ids: Set[str], cache_dir: Path) -> None:
        """Delete the captions that any critic wrote of these items.

        The index of words is that of the retriever, which deletes from it.
        """
        if not cache_dir.is_dir():
            return
        shelf = CaptionShelf(cache_dir)
        # Not while a critic writes: what it sees at this moment may be one of them.
        with only_one(cache_dir), closing(shelf):
            shelf.purge(ids)

    def _captions(self, items: Sequence[Item], collection: Collection) -> list[str]:
        if self.config.captions == "catalogue":
            return [item.caption for item in items]
        self._captioner = self._captioner or self._made()
        if self._captioner is None:
            have = type(self._critic()).__name__
            self.context.decide(
                "rerank", "use the catalogue's captions", f"the critic {have!r} writes none"
            )
            return [item.caption for item in items]

        def image(item: Item) -> Image:
            # The run's retriever may have found it in another collection.
            return collection.image(item.id) if item.id in own else self.context.image(item)

        own = collection.lookup([item.id for item in items])
        captions = []
        for done, item in enumerate(items, start=1):
            captions.append(self._captioner.caption(item, image) or item.caption)
            self.context.progress("caption", done, len(items))
        return captions

    def _made(self) -> Captioner | None:
        """Return what has the critic write captions, None where it cannot."""
        critic = self._critic()
        if not can_caption(critic):
            return None
        return Captioner(critic, self.context.cache_dir, self.context.decide)

    def _critic(self) -> Critic:
        critic: Critic = self.context.component("critic")
        return critic

    def _collection(self) -> Collection:
        collection = self.context.collection
        if collection is None:
            raise CollectionError(
                "The re-ranker 'bm25' (imagerag-bm25) counts words over the run's collection, and "
                'this run has none: set `collection = "NAME"` in the configuration.'
            )
        return collection
