"""What this distribution offers to imagerag."""

from __future__ import annotations

from imagerag.hooks import Offer, hookimpl


@hookimpl
def imagerag_retrievers() -> list[Offer]:
    """Offer the index."""
    return [
        Offer(
            name="faiss",
            summary="Vector search by faiss: short codes with exact re-scoring, or every vector",
            target="imagerag_faiss.retriever:FaissRetriever",
            config="imagerag_faiss.config:FaissConfig",
            needs=("faiss", "numpy"),
        )
    ]
