"""Short codes: nearly all that exact search finds, cheap to extend, and chosen by size."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagerag.collection import Collection
from imagerag.roles import Context
from imagerag.values import Query
from imagerag_usearch import coded as coded_module
from imagerag_usearch.basis import Basis, directions
from imagerag_usearch.coded import Coded
from imagerag_usearch.config import UsearchConfig
from imagerag_usearch.kernel import FEW, MANY, rough
from imagerag_usearch.retriever import UsearchRetriever
from imagerag_vectors import Manifest, VectorStore
from imagerag_vectors.exact import among, nearest


def like_clip(random: np.random.Generator, count: int, dim: int, *, text: bool = False) -> Any:
    """Clustered vectors around a common mean; texts lie beside them, with noise of their own."""
    fixed = np.random.default_rng(7)
    spread = np.arange(1, dim + 1) ** -0.45
    axes = np.linalg.qr(fixed.normal(size=(dim, dim)))[0]
    centres = (fixed.normal(size=(300, dim)) * spread) @ axes
    own = (random.normal(size=(count, dim)) * spread) @ axes
    rows = centres[random.integers(0, 300, count)] + 0.8 * own
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    if text:
        noise = random.normal(size=(count, dim))
        rows = 0.4 * rows + 0.55 * noise / np.linalg.norm(noise, axis=1, keepdims=True)
        rows += 0.7 * axes[-1]
    else:
        rows += axes[0]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def stored(folder: Path, vectors: Any) -> VectorStore:
    folder.mkdir(exist_ok=True)
    store = VectorStore(folder, Manifest("s", vectors.shape[1], "f16", "c"))
    store.append([f"{n:064x}" for n in range(len(vectors))], vectors)
    return store


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[VectorStore, Coded, Any]]:
    random = np.random.default_rng(0)
    store = stored(tmp_path_factory.mktemp("large"), like_clip(random, 40_000, 320))
    maker = Coded()
    code = Coded()
    code.open(store, maker.extend(store, None))
    yield store, code, like_clip(random, 60, 320, text=True)


def test_texts_find_what_exact_search_finds(large: tuple[VectorStore, Coded, Any]) -> None:
    store, code, queries = large
    for k, width in ((10, 32), (100, 200)):
        truth = nearest(store, queries, width, rough)
        named = code.candidates(queries, width, 1)
        found = [
            among(store, rows, query, width, rough)
            for rows, query in zip(named, queries, strict=True)
        ]
        pairs = list(zip(found, truth, strict=True))
        first = np.mean([mine.rows[0] == true.rows[0] for mine, true in pairs])
        shares = [len(set(mine.rows[:k]) & set(true.rows[:k])) / k for mine, true in pairs]
        assert first >= 0.98
        assert np.mean(shares) >= 0.98
        assert all(len(mine.rows) == width for mine in found)


def test_candidates_are_a_small_part_and_never_twice(
    large: tuple[VectorStore, Coded, Any],
) -> None:
    store, code, queries = large
    for rows in code.candidates(queries[:5], 32, 1):
        assert 32 <= len(rows) <= store.rows / 20
        assert len(set(rows.tolist())) == len(rows)


def test_estimates_are_close_to_cosines(large: tuple[VectorStore, Coded, Any]) -> None:
    store, code, queries = large
    estimates = code._estimates(code._believed(), queries[0])
    true = np.concatenate([rough(matrix, queries[:1])[0] for matrix in store.matrices])
    # Up to a constant, and the part of the rows that lies outside the directions.
    assert np.corrcoef(estimates, true)[0, 1] > 0.9


def test_additions_write_what_they_hold_and_are_merged(tmp_path: Path) -> None:
    vectors = like_clip(np.random.default_rng(1), 3_000, 40)
    store = stored(tmp_path, vectors[:2_000])
    entry = Coded().extend(store, None)
    first = entry.files
    for start in range(2_000, 3_000, 50):
        ids = [f"{n:064x}" for n in range(start, start + 50)]
        store.append(ids, vectors[start : start + 50])
        entry = Coded().extend(store, entry)
        assert entry.rows == start + 50
        assert len(entry.files) <= 2 + coded_module.SMALL_PARTS
        assert entry.files[0] == first[0], "the basis stays"
    apart, whole = Coded(), Coded()
    apart.open(store, entry)
    again = Coded().extend(store, None)
    assert again.files[0] != first[0]
    whole.open(store, again)
    query = vectors[:1]
    assert set(apart.candidates(query, 1, 1)[0]) & set(whole.candidates(query, 1, 1)[0])
    bits, factors = Basis.from_numbers(apart._believed().numbers(), 40).encode(
        np.concatenate(store.matrices)
    )
    assert np.array_equal(np.concatenate([one for one, _ in apart._parts]), bits)
    assert np.allclose(np.concatenate([one for _, one in apart._parts]), factors, rtol=1e-3)


def test_the_basis_is_made_anew_when_the_pool_has_grown_much(tmp_path: Path) -> None:
    vectors = like_clip(np.random.default_rng(1), 1_000, 40)
    store = stored(tmp_path, vectors[:100])
    entry = Coded().extend(store, None)
    store.append([f"{n:064x}" for n in range(100, 1_000)], vectors[100:])
    grown = Coded().extend(store, entry)
    assert not set(grown.files) & set(entry.files)
    assert len(grown.files) == 2


@pytest.mark.parametrize("dim", [1, 3, 12, 257, 512, 768, 1000])
def test_codes_of_any_dimension_can_be_made_and_read_back(tmp_path: Path, dim: int) -> None:
    random = np.random.default_rng(dim)
    rows = random.normal(size=(200, dim)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    store = stored(tmp_path, rows)
    code = Coded()
    code.open(store, Coded().extend(store, None))
    assert directions(dim) <= max(dim, 256)
    assert set(code.candidates(rows[:1], 5, 1)[0]) <= set(range(200))
    assert len(code._estimates(code._believed(), rows[0])) == 200


def test_equal_vectors_have_codes_too(tmp_path: Path) -> None:
    rows = np.tile(np.eye(1, 16, dtype=np.float32), (300, 1))
    store = stored(tmp_path, rows)
    code = Coded()
    code.open(store, Coded().extend(store, None))
    assert np.isfinite(code._estimates(code._believed(), rows[0])).all()


@pytest.mark.parametrize("count", [1, 2, FEW, FEW + 1, MANY - 1, MANY, 70])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_products_are_right_for_any_number_of_queries(count: int, dtype: type) -> None:
    random = np.random.default_rng(count)
    rows = like_clip(random, 5_000, 96).astype(dtype)
    queries = like_clip(random, count, 96, text=True)
    true = queries.astype(np.float64) @ rows.astype(np.float64).T
    assert np.abs(rough(rows, queries) - true).max() < 3e-4


def test_auto_is_exact_for_few_and_coded_for_many(
    collection: Collection,
    plant: Callable[..., list[str]],
    retrieve: Callable[..., Any],
    encoder: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imagerag_usearch.retriever.AUTO_ROWS", 300)
    vectors = like_clip(np.random.default_rng(0), 400, 12)
    retriever = retrieve(encoder, kind="auto")
    plant(collection, vectors[:200])
    retriever.sync(collection)
    assert (retriever.versions()["kind"], retriever.recall) == ("exact", 1.0)
    [told] = retriever.info(collection).values()
    assert told.startswith("exact (auto is asked for), 200 vectors of 12 dimensions in f16")
    ids = plant(collection, vectors)
    [told] = retriever.info(collection).values()
    assert told.endswith(" changes behind")
    retriever.sync(collection)
    assert (retriever.versions()["kind"], retriever.recall) == ("coded", 0.98)
    [told] = retriever.info(collection).values()
    assert told.startswith("coded (auto is asked for), 400 vectors")
    assert told.endswith("up to date")
    collection.remove(ids[:250])
    retriever.sync(collection)
    assert retriever.versions()["kind"] == "exact"
    # What is asked for by name is had, whatever the size.
    named = retrieve(encoder, kind="coded")
    named.sync(collection)
    assert named.versions()["kind"] == "coded"


def test_an_index_that_was_damaged_is_told(
    collection: Collection,
    plant: Callable[..., list[str]],
    retrieve: Callable[..., Any],
    encoder: Any,
) -> None:
    plant(collection, like_clip(np.random.default_rng(0), 20, 12))
    retriever = retrieve(encoder)
    assert retriever.info(collection) == {}
    retriever.sync(collection)
    next((collection.path / "indexes").glob("*/manifest.json")).write_text("{}")
    [told] = retriever.info(collection).values()
    assert told.startswith("damaged, is built anew at the next use")


def test_no_code_is_made_before_it_is_needed() -> None:
    context = Context(component=lambda role: None, cache_dir=Path())
    assert UsearchRetriever(UsearchConfig(), context).code(10) is None
    assert isinstance(UsearchRetriever(UsearchConfig(), context).code(1_000_000), Coded)


def test_a_search_that_meets_damage_has_it_mended_and_answers(
    collection: Collection,
    plant: Callable[..., list[str]],
    retrieve: Callable[..., Any],
    encoder: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    plant(collection, like_clip(np.random.default_rng(0), 500, 12))
    ask = [Query(text="one"), Query(text="two")]
    expected = retrieve(encoder, kind="coded")
    expected.sync(collection)
    answers = expected.search(ask, 5)
    for pattern in ("codes-*", "basis-*", "rows-*", "ids-*", "sums-*"):
        opened = retrieve(encoder, kind="coded")
        opened.sync(collection)
        path = next((collection.path / "indexes").rglob(pattern))
        data = bytearray(path.read_bytes())
        data[: len(data) // 2] = bytes(len(data) // 2)
        path.write_bytes(bytes(data))
        caplog.clear()
        assert opened.search(ask, 5) == answers
        assert "is damaged and is built anew" in caplog.text
        caplog.clear()
        assert opened.search(ask, 5) == answers
        assert not caplog.text


def test_files_that_another_process_replaced_are_followed(
    collection: Collection,
    plant: Callable[..., list[str]],
    retrieve: Callable[..., Any],
    encoder: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    vectors = like_clip(np.random.default_rng(0), 500, 12)
    ids = plant(collection, vectors)
    reader = retrieve(encoder, kind="coded")
    reader.sync(collection)
    writer = retrieve(encoder, kind="coded")
    collection.remove(ids[:200])
    writer.sync(collection)
    # All that the reader has open was deleted; it goes on with what it has mapped.
    ask = [Query(text="one")]
    assert reader.search(ask, 5) == writer.search(ask, 5)
    assert not caplog.text
