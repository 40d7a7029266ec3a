"""Short codes with exact re-scoring: what they find, and how they grow."""

import io
import logging

import numpy as np
import pytest
from PIL import Image

from imagerag.collection import Collection
from imagerag.values import Query
from imagerag_faiss import codes
from imagerag_faiss import retriever as module
from imagerag_faiss.codebook import Codebook
from imagerag_faiss.flat import FlatCode

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


def files_of(retriever):
    return [entry.name for entry in retriever._opened.store.manifest.code.files]


@pytest.fixture(scope="module")
def pool(tmp_path_factory, plant):
    """A collection of 2,000 items, 32 dimensions; do not change it."""
    vectors = clustered(2_000, 32)
    with Collection.create(tmp_path_factory.mktemp("codes") / "pool") as collection:
        yield collection, vectors, plant(collection, vectors)


@pytest.mark.parametrize("dim", [7, 32, 33])
@pytest.mark.parametrize("code_dims", [1, 2, 4, None])
def test_codes_find_the_share_that_is_declared(
    collection, plant, encoder_of, retrieve, dim, code_dims
):
    vectors = clustered(3_000, dim)
    ids = plant(collection, vectors)
    encoder = encoder_of(dim)
    retriever = retrieve(encoder, kind="pq", code_dims=code_dims)
    retriever.sync(collection)
    found = retriever.search(ASKED, 10)
    assert recall(found, ids, nearest(vectors, encoder, 10)) >= retriever.recall
    assert [len(hits) for hits in found] == [10] * len(ASKED)


def test_more_rows_that_are_scored_find_more(pool, encoder_of, retrieve):
    collection, vectors, ids = pool
    shares = []
    for rescored in (4, 12):
        retriever = retrieve(encoder_of(32), kind="pq", code_dims=4, rescored=rescored)
        retriever.sync(collection)
        found = retriever.search(ASKED, 10)
        shares.append(recall(found, ids, nearest(vectors, encoder_of(32), 10)))
    assert shares[0] < shares[1]


def test_a_question_alone_and_among_others_finds_the_same(pool, encoder_of, retrieve):
    collection, _, _ = pool
    retriever = retrieve(encoder_of(32), kind="pq")
    retriever.sync(collection)
    together = retriever.search(ASKED, 5)
    assert [retriever.search([query], 5)[0] for query in ASKED] == together


def test_a_rare_filter_still_finds_as_many_as_were_asked_for(pool, encoder_of, retrieve):
    collection, _, ids = pool
    retriever = retrieve(encoder_of(32), kind="pq")
    retriever.sync(collection)
    rare = set(ids[::97])
    for hits in retriever.search(ASKED[:5], 12, lambda item: item.id in rare):
        assert len(hits) == 12
        assert {hit.item.id for hit in hits} <= rare


def test_a_picture_finds_itself(collection, fill, encoder_of, retrieve, monkeypatch, picture):
    monkeypatch.setattr(module, "LEAST", 100)
    fill(collection, range(300))
    retriever = retrieve(encoder_of(12), kind="pq")
    retriever.sync(collection)
    asked = [Query(image=Image.open(io.BytesIO(picture(n)))) for n in (0, 150, 299)]
    found = [hits[0].item.caption for hits in retriever.search(asked, 1)]
    assert found == ["picture 0", "picture 150", "picture 299"]


def test_additions_are_appended_to_full_files_and_an_old_codebook(
    collection, plant, encoder_of, retrieve, monkeypatch
):
    monkeypatch.setattr(codes, "CHUNK", 1_024)
    vectors = clustered(3_000, 16)
    encoder = encoder_of(16)
    retriever = retrieve(encoder, kind="pq")
    ids = []
    for start, end in ((0, 1_500), (1_500, 1_501), (1_501, 3_000)):
        before = files_of(retriever) if ids else []
        ids += plant(collection, vectors[start:end], first=start)
        retriever.sync(collection)
        after = files_of(retriever)
        assert len(after) == 1 + -(-end // 1_024)
        if before:
            full = 1 + start // 1_024  # the codebook, and those with as many rows as they may have
            assert before[:full] == after[:full]
            assert not set(before[full:]) & set(after)
        [hits] = retriever.search([Query(text="question 0")], end)
        assert {hit.item.id for hit in hits} == set(ids)
    opened = retriever._opened
    assert recall(retriever.search(ASKED, 5), ids, nearest(vectors, encoder, 5)) > 0.9
    # The codes are those that faiss makes of all rows at once.
    index = opened.code._book(opened.store, opened.store.manifest.code).index()
    index.add(vectors.astype(np.float16).astype(np.float32))
    at_once = index.search(encoder.encode_texts(["a", "b"]), 50)[1]
    opened.code.candidates(encoder.encode_texts(["a"]), 1, 1)
    assert (opened.code._index.search(encoder.encode_texts(["a", "b"]), 50)[1] == at_once).all()


def test_a_codebook_that_was_outgrown_is_trained_anew(collection, plant, encoder_of, retrieve):
    vectors = clustered(2_600, 8)
    retriever = retrieve(encoder_of(8), kind="pq")
    plant(collection, vectors[:650])
    retriever.sync(collection)
    first = files_of(retriever)[0]
    plant(collection, vectors[650:2_599], first=650)
    retriever.sync(collection)
    assert files_of(retriever)[0] == first
    plant(collection, vectors[2_599:], first=2_599)
    retriever.sync(collection)
    assert files_of(retriever)[0] != first
    assert first not in {path.name for path in retriever._opened.store.folder.iterdir()}


def test_removed_items_are_hidden_and_dropped_when_they_are_many(
    collection, plant, encoder_of, retrieve
):
    vectors = clustered(1_000, 8)
    ids = plant(collection, vectors)
    retriever = retrieve(encoder_of(8), kind="pq")
    retriever.sync(collection)
    gone = set()
    for share in (100, 200):
        gone |= set(ids[share - 100 : share])
        collection.remove(list(gone))
        retriever.sync(collection)
        [hits] = retriever.search(ASKED[:1], 1_000)
        assert {hit.item.id for hit in hits} == set(ids) - gone
        assert retriever.rows == 1_000
    collection.remove(ids[200:260])
    retriever.sync(collection)
    assert retriever.rows == 740
    assert {hit.item.id for hit in retriever.search(ASKED[:1], 740)[0]} == set(ids[260:])


def test_auto_reads_every_vector_until_there_are_many(
    collection, plant, encoder_of, retrieve, monkeypatch
):
    monkeypatch.setattr(module, "AUTO", 1_000)
    vectors = clustered(1_000, 8)
    retriever = retrieve(encoder_of(8))
    plant(collection, vectors[:999])
    retriever.sync(collection)
    assert isinstance(retriever._opened.code, FlatCode)
    assert (retriever.versions()["kind"], retriever.recall) == ("flat", 1.0)
    plant(collection, vectors[999:], first=999)
    retriever.sync(collection)
    assert isinstance(retriever._opened.code, codes.FastScanCode)
    assert retriever.versions()["kind"] == "pq"
    [told] = retriever.info(collection).values()
    assert told.startswith("pq (auto is asked for), 1000 vectors of 8 dimensions")


def test_another_shape_of_codes_is_built_from_what_is_there(pool, encoder_of, retrieve):
    collection, _, _ = pool
    sizes = {}
    for code_dims in (2, 4, 2):
        retriever = retrieve(encoder_of(32), kind="pq", code_dims=code_dims)
        retriever.sync(collection)
        entry = retriever._opened.store.manifest.code
        assert entry.shape["code_dims"] == code_dims
        sizes.setdefault(code_dims, sum(file.size for file in entry.files[1:]))
        assert [len(hits) for hits in retriever.search(ASKED[:2], 5)] == [5, 5]
    assert sizes[2] == 2 * sizes[4]


def test_training_again_gives_the_same_codebook(pool):
    _, vectors, _ = pool
    one, other = (Codebook.train(32, 2, 2_000, vectors) for _ in range(2))
    assert one.pack() == other.pack()
    again = Codebook.unpack(32, 2, one.pack())
    assert (again.trained_on, again.pack()) == (2_000, one.pack())


@pytest.mark.parametrize("pattern", ["codebook-*", "codes-*", "rows-*", "ids-*", "sums-*"])
def test_a_flipped_bit_never_makes_a_wrong_answer(
    collection, plant, encoder_of, retrieve, pattern, caplog
):
    vectors = clustered(700, 8)
    encoder = encoder_of(8)
    plant(collection, vectors)
    first = retrieve(encoder, kind="pq")
    first.sync(collection)
    expected = first.search(ASKED, 350)
    random = np.random.default_rng(len(pattern))
    for _ in range(3):
        [path] = first._opened.store.folder.glob(pattern)
        damaged = bytearray(path.read_bytes())
        damaged[random.integers(len(damaged))] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            found = retrieve(encoder, kind="pq")
            found.sync(collection)
            assert found.search(ASKED, 350) == expected
            assert found.search(ASKED[:1], 10)[0] == expected[0][:10]
        if pattern.startswith("code"):
            assert "damaged" in caplog.text
        first.sync(collection)


def test_nothing_of_a_purged_item_stays(collection, plant, encoder_of, retrieve):
    vectors = clustered(700, 8)
    ids = plant(collection, vectors)
    retriever = retrieve(encoder_of(8), kind="pq")
    retriever.sync(collection)
    folder = retriever._opened.store.folder
    traces = [bytes.fromhex(ids[5]), vectors[5].astype(np.float16).tobytes()]

    def seen():
        return [
            path.name for path in folder.iterdir() for trace in traces if trace in path.read_bytes()
        ]

    assert len(seen()) == 2
    before = files_of(retriever)
    retriever.purge(collection.path, [ids[5]])
    assert seen() == []
    assert not {path.name for path in folder.iterdir()} & set(before)
