"""Search returns what brute force returns: all of it, in order, with ties by id."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagerag.collection import Collection
from imagerag.errors import CollectionError
from imagerag.values import Item, Query


class FixedQueries:
    """Wraps an encoder so that text "3" is the fourth of some given vectors."""

    def __init__(self, encoder: Any, vectors: Any) -> None:
        self._encoder, self._vectors = encoder, vectors
        self.dim, self.space = vectors.shape[1], encoder.space

    def encode_texts(self, texts: Sequence[str]) -> Any:
        return self._vectors[[int(text) for text in texts]]

    def encode_images(self, images: Sequence[Any]) -> Any:
        return self._encoder.encode_images(images)


def units(random: np.random.Generator, count: int, dim: int) -> Any:
    rows = random.normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def brute(vectors: Any, ids: list[str], query: Any, dtype: str) -> list[tuple[float, str]]:
    stored = vectors.astype({"f16": np.float16, "f32": np.float32}[dtype]).astype(np.float64)
    scores = (stored * query.astype(np.float64)).sum(axis=1).clip(-1, 1)
    return sorted(zip(scores.tolist(), ids, strict=True), key=lambda pair: (-pair[0], pair[1]))


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(0, 120),
    distinct=st.integers(1, 120),
    dim=st.sampled_from([1, 2, 7, 64]),
    k=st.integers(0, 130),
    dtype=st.sampled_from(["f16", "f32"]),
    batches=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_exact_search_is_brute_force(
    tmp_path_factory: pytest.TempPathFactory,
    plant: Callable[..., list[str]],
    retrieve: Callable[..., Any],
    encoder_class: Any,
    count: int,
    distinct: int,
    dim: int,
    k: int,
    dtype: str,
    batches: int,
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    # Fewer distinct vectors than rows: ties, also across the end of the answer.
    vectors = units(random, distinct, dim)[random.integers(0, distinct, count)]
    queries = units(random, 3, dim)
    with Collection.create(tmp_path_factory.mktemp("pool") / "c") as collection:
        ids = plant(collection, vectors) if count else []
        retriever = retrieve(FixedQueries(encoder_class(), queries), dtype=dtype)
        gone = set(ids[: count // (batches * 2)])
        retriever.sync(collection)
        collection.remove(gone)
        retriever.sync(collection)
        found = retriever.search([Query(text=str(n)) for n in range(3)], k)
        for number, hits in enumerate(found):
            expected = brute(vectors, ids, queries[number], dtype) if count else []
            expected = [pair for pair in expected if pair[1] not in gone][:k]
            assert [(hit.score, hit.item.id) for hit in hits] == expected
            assert all(hit.query == str(number) for hit in hits)


@pytest.mark.parametrize("kind", ["exact", "coded", "hnsw"])
@pytest.mark.parametrize("count", [1, 2, 2047, 2048, 2049, 4096])
def test_every_item_finds_itself_in_pools_of_any_size(
    collection: Collection,
    plant: Callable[..., list[str]],
    retrieve: Callable[..., Any],
    encoder: Any,
    count: int,
    kind: str,
) -> None:
    vectors = units(np.random.default_rng(count), count, 24)
    ids = plant(collection, vectors)
    retriever = retrieve(FixedQueries(encoder, vectors), kind=kind)
    assert retriever.sync(collection) == count
    ask = [0, count - 1] if kind == "hnsw" else sorted({0, count - 1, *range(0, count, 97)})
    found = retriever.search([Query(text=str(n)) for n in ask], 1)
    assert [hits[0].item.id for hits in found] == [ids[n] for n in ask]


BLOCKS = [1, 2, 31, 32, 33, 127, 128, 129, 255, 256, 257]


@settings(max_examples=25, deadline=None)
@given(
    count=st.sampled_from(BLOCKS) | st.integers(1, 300),
    later=st.sampled_from([0, 1, 2, 31, 32, 33]),
    kind=st.sampled_from(["exact", "coded"]),
    many=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_last_item_of_every_block_is_found(
    tmp_path_factory: pytest.TempPathFactory,
    plant: Callable[..., list[str]],
    retrieve: Callable[..., Any],
    encoder_class: Any,
    count: int,
    later: int,
    kind: str,
    many: bool,
    seed: int,
) -> None:
    vectors = units(np.random.default_rng(seed), count + later, 16)
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        # Everything that goes by blocks, with blocks of 32.
        for name in (
            *("imagerag_vectors.store.BLOCK", "imagerag_vectors.store._CHECK"),
            *("imagerag_vectors.sync.BLOCK", "imagerag_vectors.exact._ROWS"),
            *("imagerag_usearch.kernel._ROWS", "imagerag_usearch.coded._SCAN"),
            *("imagerag_usearch.coded._ENCODE", "imagerag_usearch.coded.SMALL"),
        ):
            patch.setattr(name, 32)
        patch.setattr("imagerag_vectors.exact._MOST", 64)
        path = tmp_path_factory.mktemp("pool") / "c"
        collection = stack.enter_context(Collection.create(path))
        ids = plant(collection, vectors[:count])
        retriever = retrieve(FixedQueries(encoder_class(), vectors), kind=kind)
        assert retriever.sync(collection) == count
        if later:
            ids = plant(collection, vectors)
            assert retriever.sync(collection) == later
        ask = [Query(text=str(n)) for n in range(count + later)]
        batches = [ask] if many else [[one] for one in ask]
        found = [hits for batch in batches for hits in retriever.search(batch, 1)]
        assert [hits[0].item.id for hits in found] == ids


@pytest.mark.parametrize("count", [16_383, 16_384, 16_385])
def test_blocks_of_the_real_size_have_no_gap(
    collection: Collection,
    plant: Callable[..., list[str]],
    retrieve: Callable[..., Any],
    encoder: Any,
    count: int,
) -> None:
    vectors = units(np.random.default_rng(count), count, 16)
    ids = plant(collection, vectors)
    ask = sorted({0, 4_095, 4_096, 8_191, 16_382, count - 1})
    for kind in ("exact", "coded"):
        retriever = retrieve(FixedQueries(encoder, vectors), kind=kind)
        retriever.sync(collection)
        found = retriever.search([Query(text=str(n)) for n in ask], 1)
        assert [hits[0].item.id for hits in found] == [ids[n] for n in ask]


def test_rows_in_many_segments_are_all_found(
    collection: Collection,
    retrieve: Callable[..., Any],
    encoder: Any,
    fill: Callable[..., None],
    picture: Callable[[int], bytes],
) -> None:
    retriever = retrieve(encoder)
    for number in range(30):
        fill(collection, [number])
        assert retriever.sync(collection) == 1
        for earlier in (0, number // 2, number):
            hit = search_picture(retriever, picture(earlier))
            assert hit.item.caption == f"picture {earlier}"
            assert hit.score == pytest.approx(1.0, abs=1e-3)
    files = list((collection.path / "indexes").rglob("rows-*"))
    assert 1 <= len(files) <= 9


def search_picture(retriever: Any, data: bytes) -> Any:
    from imagerag.collection import open_image

    return retriever.search([Query(image=open_image(data))], 1)[0][0]


def test_texts_and_pictures_can_be_asked_together(
    collection: Collection,
    retrieve: Callable[..., Any],
    encoder: Any,
    fill: Callable[..., None],
    picture: Callable[[int], bytes],
) -> None:
    from imagerag.collection import open_image

    fill(collection, range(20))
    retriever = retrieve(encoder)
    retriever.sync(collection)
    queries = [Query(image=open_image(picture(7))), Query(text="a"), Query(text="b")]
    together = retriever.search(queries, 5)
    alone = [retriever.search([query], 5)[0] for query in queries]
    assert together == alone
    assert together[0][0].item.caption == "picture 7"
    assert [hits[0].query for hits in together] == ["", "a", "b"]


@pytest.mark.parametrize("kind", ["exact", "coded", "hnsw"])
@pytest.mark.parametrize("k", [1, 5, 1000])
def test_a_filter_still_finds_k(
    collection: Collection,
    retrieve: Callable[..., Any],
    encoder: Any,
    fill: Callable[..., None],
    kind: str,
    k: int,
) -> None:
    fill(collection, range(900))
    retriever = retrieve(encoder, kind=kind)
    retriever.sync(collection)

    def rare(item: Item) -> bool:
        return item.caption.endswith("77")

    everything = retriever.search([Query(text="x")], 900)[0]
    wanted = [hit for hit in everything if rare(hit.item)]
    assert len(wanted) == 9
    assert retriever.search([Query(text="x")], k, rare)[0] == wanted[:k]
    assert retriever.search([Query(text="x")], k, lambda item: False) == [[]]


def test_no_queries_no_k_and_no_items_give_no_hits(
    collection: Collection, retrieve: Callable[..., Any], encoder: Any, fill: Callable[..., None]
) -> None:
    retriever = retrieve(encoder)
    assert retriever.sync(collection) == 0
    assert retriever.search([Query(text="x")], 3) == [[]]
    fill(collection, [1])
    retriever.sync(collection)
    assert retriever.search([], 3) == []
    assert retriever.search([Query(text="x")], 0) == [[]]
    assert len(retriever.search([Query(text="x")], 3)[0]) == 1


def test_searching_before_a_sync_says_what_to_do(
    retrieve: Callable[..., Any], encoder: Any
) -> None:
    with pytest.raises(CollectionError, match="imagerag index"):
        retrieve(encoder).search([Query(text="x")], 1)


def test_a_graph_finds_nearly_all_that_exact_search_finds(
    collection: Collection,
    plant: Callable[..., list[str]],
    retrieve: Callable[..., Any],
    encoder: Any,
) -> None:
    random = np.random.default_rng(3)
    plant(collection, units(random, 3000, 32))
    queries = FixedQueries(encoder, units(random, 50, 32))
    asked = [Query(text=str(n)) for n in range(50)]
    answers = []
    for kind in ("exact", "hnsw"):
        retriever = retrieve(queries, kind=kind)
        retriever.sync(collection)
        answers.append([{hit.item.id for hit in hits} for hits in retriever.search(asked, 10)])
    same = sum(len(a & b) for a, b in zip(*answers, strict=True))
    assert same >= 0.95 * 500


def test_the_plugin_offers_it_without_importing_it() -> None:
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from imagerag_usearch import plugin\n"
        "offer = plugin.imagerag_retrievers()[0]\n"
        "assert offer.name == 'usearch'\n"
        "assert not {'usearch', 'numpy', 'pydantic', 'PIL'} & set(sys.modules)\n"
        "import importlib\n"
        "for where in (offer.target, offer.config):\n"
        "    module, _, name = where.partition(':')\n"
        "    getattr(importlib.import_module(module), name)\n"
        "assert not {'usearch', 'numpy'} & set(sys.modules)\n"
    )
    assert Path(sys.executable).exists()
    subprocess.run([sys.executable, "-c", code], check=True)
