"""Nearness: what brute force finds, to hold an index against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagerag.collection import Collection
    from imagerag.roles import Encoder, Retriever
    from imagerag.values import Query

ROUNDING = 2e-3
"""What a cosine loses where vectors are kept in half precision."""


def recall_of(
    retriever: Retriever,
    encoder: Encoder | None,
    queries: Sequence[Query],
    k: int,
    collection: Collection,
) -> float:
    """Return the mean share of the true best `k` that a retriever finds.

    What is true follows from what it `compares`: cosines of the encoder's vectors of the images or
    of their captions, or its own scores where everything is asked for. An item counts as one of
    the best where its score is not lower than that of the k-th, but for rounding.
    """
    shares = []
    for query in queries:
        truth = (
            _own(retriever, query, len(collection))
            if encoder is None
            else _cosines(retriever, encoder, query, collection)
        )
        best = sorted(truth.values(), reverse=True)[:k]
        found = {hit.item.id for hit in retriever.search([query], k)[0]}
        if best:
            good = sum(truth.get(one, -2.0) >= best[-1] - ROUNDING for one in found)
            shares.append(min(good, len(best)) / len(best))
    return sum(shares) / len(shares) if shares else 1.0


def _own(retriever: Retriever, query: Query, size: int) -> dict[str, float]:
    return {hit.item.id: hit.score for hit in retriever.search([query], 10 * size)[0]}


def _cosines(
    retriever: Retriever, encoder: Encoder, query: Query, collection: Collection
) -> dict[str, float]:
    items = list(collection.items())
    vectors: Any
    if query.text is not None:
        asked = encoder.encode_texts([query.text])[0]
    else:
        assert query.image is not None
        asked = encoder.encode_images([query.image])[0]
    if query.text is not None and retriever.compares == "captions":
        vectors = encoder.encode_texts([item.caption for item in items])
    else:
        vectors = encoder.encode_images([collection.image(item.id) for item in items])
    return dict(zip((item.id for item in items), (vectors @ asked).tolist(), strict=True))
