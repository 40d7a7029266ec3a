"""A sound re-ranker, and those that break a rule each."""

from __future__ import annotations

from dataclasses import replace

from imagerag.errors import CapabilityError, UsageError
from imagerag.roles import Reranker


class ByCaption(Reranker):
    """Puts hits first whose captions share words with the query."""

    def rerank(self, query, hits):
        if query.text is None:
            raise CapabilityError("it compares words: ask with a text.")
        words = set(query.text.split())
        shared = {hit.item.id: len(words & set(hit.item.caption.split())) for hit in hits}
        return sorted(hits, key=lambda hit: (-shared[hit.item.id], hit.item.id))


class DropsTheWorst(ByCaption):
    """Drops the last of many hits."""

    def rerank(self, query, hits):
        ordered = super().rerank(query, hits)
        return ordered[:-1] if len(ordered) > 2 else ordered


class NeedsTwo(ByCaption):
    """Compares the first with the second, of which there must be one."""

    def rerank(self, query, hits):
        if hits:
            hits[1]
        return super().rerank(query, hits)


class NeedsOne(ByCaption):
    """Scales by the best score, of which there must be one."""

    def rerank(self, query, hits):
        max(hit.score for hit in hits)
        return super().rerank(query, hits)


class RewritesItems(ByCaption):
    """Gives items captions of its own."""

    def rerank(self, query, hits):
        return [
            replace(hit, item=replace(hit.item, caption=f"{hit.item.caption}!"))
            for hit in super().rerank(query, hits)
        ]


class RefusesPicturesOddly(ByCaption):
    """Refuses a picture by an error that means something else."""

    def rerank(self, query, hits):
        if query.text is None:
            raise UsageError("ask with a text.")
        return super().rerank(query, hits)
