"""What this distribution offers to imagerag: names and import strings, so that listing is cheap."""

from __future__ import annotations

from imagerag.hooks import Offer, hookimpl


@hookimpl
def imagerag_retrievers() -> list[Offer]:
    """Offer the index."""
    return [
        Offer(
            name="shelf",
            summary="exact search over vectors in one SQLite file inside the collection",
            target="imagerag_acme.retriever:ShelfRetriever",
            config="imagerag_acme.config:ShelfConfig",
            needs=("numpy",),
        )
    ]


@hookimpl
def imagerag_critics() -> list[Offer]:
    """Offer the critic. It sends pictures to an address, so it is remote, wherever that leads."""
    return [
        Offer(
            name="own-server",
            summary="asks a server of your own that speaks Chat Completions",
            target="imagerag_acme.critic:OwnServerCritic",
            config="imagerag_acme.config:OwnServerConfig",
            remote=True,
            keys=("ACME_VLM_KEY",),
        )
    ]
