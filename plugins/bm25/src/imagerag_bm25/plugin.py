"""What this distribution offers to imagerag."""

from __future__ import annotations

from imagerag.hooks import Offer, hookimpl

_NEEDS = ("numpy", "Stemmer")


@hookimpl
def imagerag_retrievers() -> list[Offer]:
    """Offer the retriever over captions."""
    return [
        Offer(
            name="bm25",
            summary="BM25 over the captions of the collection, from files in its own folder",
            target="imagerag_bm25.retriever:Bm25Retriever",
            config="imagerag_bm25.config:Bm25RetrieverConfig",
            needs=_NEEDS,
        )
    ]


@hookimpl
def imagerag_rerankers() -> list[Offer]:
    """Offer the re-ranker over captions that the critic writes."""
    return [
        Offer(
            name="bm25",
            summary="Orders hits by BM25 of the query and a caption that the critic writes of each",
            target="imagerag_bm25.reranker:Bm25Reranker",
            config="imagerag_bm25.config:Bm25RerankerConfig",
            needs=_NEEDS,
        )
    ]
