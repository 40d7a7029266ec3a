"""Reading every vector: the same answers as brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagerag.collection import Collection
from imagerag.values import Query
from imagerag_faiss import flat, halves

TEXTS = ["one", "two", "three"]
ASKED = [Query(text=text) for text in TEXTS]


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def random_units(count, dim, seed=0):
    return unit(np.random.default_rng(seed).normal(size=(count, dim)))


def names(found):
    return [[hit.item.id for hit in hits] for hits in found]


def brute_force(vectors, ids, queries, k, dtype=np.float16):
    """Return ids by score in double precision, ties by id."""
    rows = vectors.astype(dtype).astype(np.float64)
    found = []
    for query in queries.astype(np.float64):
        scores = (rows * query).sum(axis=1).clip(-1, 1)
        order = sorted(range(len(ids)), key=lambda row: (-scores[row], ids[row]))
        found.append([ids[row] for row in order[:k]])
    return found


@pytest.mark.parametrize("kind", ["flat", "pq"])
@pytest.mark.parametrize("size", [1, 2, 623, 624, 2047, 2048, 2049, 4096, 4097])
def test_the_last_item_of_every_size_is_found(collection, plant, encoder_of, retrieve, size, kind):
    vectors = random_units(size, 6)
    encoder = encoder_of(6)
    vectors[-1] = encoder.encode_texts(["one"])[0]
    ids = plant(collection, vectors)
    retriever = retrieve(encoder, kind=kind)
    assert retriever.sync(collection) == size
    [hits] = retriever.search(ASKED[:1], 3)
    assert hits[0].item.id == ids[-1]
    assert len(hits) == min(3, size)


@pytest.mark.parametrize("dtype", ["f16", "f32"])
@pytest.mark.parametrize("k", [1, 7, 100])
def test_one_question_and_many_find_what_brute_force_finds(
    collection, plant, encoder_of, retrieve, dtype, k
):
    vectors = random_units(3_000, 24)
    ids = plant(collection, vectors)
    encoder = encoder_of(24)
    retriever = retrieve(encoder, kind="flat", dtype=dtype)
    retriever.sync(collection)
    texts = [f"question {n}" for n in range(flat.MANY + 3)]
    kept = np.float16 if dtype == "f16" else np.float32
    expected = brute_force(vectors, ids, encoder.encode_texts(texts), k, kept)
    asked = [Query(text=text) for text in texts]
    assert names(retriever.search(asked, k)) == expected
    assert names(retriever.search(asked[:2], k)) == expected[:2]
    assert names(retriever.search(asked[:1], k)) == expected[:1]


@pytest.mark.parametrize("dtype", ["f16", "f32"])
@pytest.mark.parametrize("questions", [1, flat.MANY])
def test_equally_near_items_are_ordered_by_id_however_many(
    collection, plant, encoder_of, retrieve, dtype, questions
):
    vectors = random_units(2_000, 8)
    encoder = encoder_of(8)
    [wanted] = encoder.encode_texts(["one"])
    tied = np.arange(0, 2_000, 4)
    vectors[tied] = wanted
    ids = plant(collection, vectors)
    retriever = retrieve(encoder, kind="flat", dtype=dtype)
    retriever.sync(collection)
    expected = sorted(ids[row] for row in tied)[:9]
    assert names(retriever.search([Query(text="one")] * questions, 9)) == [expected] * questions


def test_a_scan_shared_by_threads_finds_the_same(
    collection, plant, encoder_of, retrieve, monkeypatch
):
    monkeypatch.setattr(flat, "WORTH_THREADS", 0)
    encoder = encoder_of(4)
    alone, shared = (retrieve(encoder, kind="flat", threads=threads) for threads in (1, 3))
    for start in range(0, 2_000, 400):  # each sync writes a segment
        plant(collection, random_units(400, 4, seed=start), first=start)
        alone.sync(collection)
    shared.sync(collection)
    assert len(shared._opened.store.matrices) > 3
    for k in (1, 10, 500):
        assert names(shared.search(ASKED, k)) == names(alone.search(ASKED, k))
    # faiss never frees a scanner: no more are made than are in use at once.
    assert len(halves._SPARE[4]) <= 3


@settings(max_examples=15, deadline=None)
@given(
    steps=st.lists(st.tuples(st.booleans(), st.integers(1, 60)), min_size=1, max_size=5),
    k=st.integers(1, 40),
    kind=st.sampled_from(["flat", "auto", "pq"]),
    seed=st.integers(0, 2**20),
)
def test_any_order_of_additions_and_removals_finds_what_brute_force_finds(
    tmp_path_factory, plant, encoder_of, retrieve, steps, k, kind, seed
):
    random = np.random.default_rng(seed)
    encoder = encoder_of(5)
    alive, count = {}, 0
    with Collection.create(tmp_path_factory.mktemp("any") / "pool") as collection:
        retriever = retrieve(encoder, kind=kind)
        for adding, number in steps:
            if adding or not alive:
                # Few different values, so that there are ties.
                vectors = unit(random.integers(-1, 2, (number, 5)) + np.float64(0.01))
                ids = plant(collection, vectors, first=count)
                alive.update(zip(ids, vectors, strict=True))
                count += number
            else:
                gone = list(random.permutation(list(alive))[:number])
                collection.remove(gone)
                for one in gone:
                    del alive[one]
            retriever.sync(collection)
            found = names(retriever.search(ASKED, k))
            queries = encoder.encode_texts(TEXTS)
            ids, vectors = list(alive), np.array(list(alive.values())).reshape(-1, 5)
            assert found == brute_force(vectors, ids, queries, k)
            odd = {one for one in ids if int(one[:2], 16) % 2}
            found = names(retriever.search(ASKED, k, lambda item, odd=odd: item.id in odd))
            kept = [one in odd for one in ids]
            passing = [one for one in ids if one in odd]
            assert found == brute_force(vectors[kept], passing, queries, k)
