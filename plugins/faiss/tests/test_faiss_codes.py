"""Short codes with exact re-scoring: what they find, and how they grow."""

import numpy as np
import pytest

from imagerag.values import Query

ASKED = [Query(text=f"question {n}") for n in range(40)]


def clustered(count: int, dim: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(count // 20 + 1, dim))
    rows = centres[random.integers(len(centres), size=count)] + 0.5 * random.normal(
        size=(count, dim)
    )
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def nearest(vectors, encoder, k):
    products = encoder.encode_texts([query.text for query in ASKED]).astype(np.float64) @ (
        vectors.astype(np.float16).astype(np.float64).T
    )
    return np.argsort(-products, axis=1)[:, :k]


def recall(found, ids, expected):
    shares = [
        len({hit.item.id for hit in hits} & {ids[row] for row in rows}) / len(rows)
        for hits, rows in zip(found, expected, strict=True)
    ]
    return float(np.mean(shares))


def names(retriever):
    return [entry.name for entry in retriever._opened.store.manifest.code.files]


@pytest.mark.parametrize("dim", [7, 32, 33, 128])
@pytest.mark.parametrize("code_dims", [1, 2, 4])
def test_codes_find_what_is_declared(collection, plant, encoder_of, retrieve, dim, code_dims):
    vectors = clustered(4_000, dim)
    ids = plant(collection, vectors)
    encoder = encoder_of(dim)
    retriever = retrieve(encoder, kind="pq", code_dims=code_dims)
    retriever.sync(collection)
    assert retriever._opened.code is not None
    found = retriever.search(ASKED, 10)
    print(dim, code_dims, recall(found, ids, nearest(vectors, encoder, 10)))
    assert recall(found, ids, nearest(vectors, encoder, 10)) >= retriever.recall
