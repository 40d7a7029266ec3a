"""What this distribution offers to imagerag."""

from __future__ import annotations

from imagerag.hooks import Offer, hookimpl


@hookimpl
def imagerag_retrievers() -> list[Offer]:
    """Offer the embedded index."""
    return [
        Offer(
            name="usearch",
            summary="Exact vector search over the collection, from files in its own folder",
            target="imagerag_usearch.retriever:UsearchRetriever",
            config="imagerag_usearch.config:UsearchConfig",
            needs=("usearch", "numpy"),
        )
    ]
