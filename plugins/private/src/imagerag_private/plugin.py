"""What this distribution offers to imagerag."""

from __future__ import annotations

from imagerag.hooks import Offer, hookimpl


@hookimpl
def imagerag_retrievers() -> list[Offer]:
    """Offer the retriever over several collections."""
    return [
        Offer(
            name="private",
            summary="Private collections first, the general pool where nothing of them is close",
            target="imagerag_private.retriever:PrivateRetriever",
            config="imagerag_private.config:PrivateConfig",
        )
    ]
