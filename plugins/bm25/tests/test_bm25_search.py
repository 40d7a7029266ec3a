"""Search returns what a naive BM25 over every caption returns: all of it, in order."""

import hashlib
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imagerag.collection import Collection
from imagerag.errors import CapabilityError, CollectionError
from imagerag.session import Session
from imagerag.testing import registry
from imagerag.values import Item, Query
from imagerag_bm25.formula import Formula
from imagerag_bm25.manifest import Manifest
from imagerag_bm25.ranking import Ranking
from imagerag_bm25.segment import SegmentBuilder
from imagerag_bm25.store import CaptionStore
from imagerag_bm25.words import Words

VOCABULARY = ["hedgehog", "kite", "owl", "boat", "red", "green", "the", "of", "a", "on"]
WORDS = Words("none", "none")

texts = st.lists(st.sampled_from(VOCABULARY), max_size=12).map(" ".join)


def one(retriever: Any, text: str, k: int = 10, where: Any = None) -> list[tuple[float, str]]:
    [hits] = retriever.search([Query(text=text)], k, where)
    return [(hit.score, hit.item.id) for hit in hits]


def captions_of(collection: Collection) -> dict[str, str]:
    return {item.id: item.caption for item in collection.items()}


@settings(max_examples=150, deadline=None)
@given(
    captions=st.lists(texts, max_size=60),
    query=texts,
    k=st.integers(1, 70),
    cuts=st.lists(st.integers(0, 60), max_size=3),
    dead=st.sets(st.integers(0, 59), max_size=20),
    constants=st.tuples(st.sampled_from([0.0, 0.4, 1.2, 3.0]), st.sampled_from([0.0, 0.75, 1.0])),
)
def test_the_ranking_is_that_of_a_naive_bm25(
    tmp_path_factory: pytest.TempPathFactory,
    naive: Any,
    captions: list[str],
    query: str,
    k: int,
    cuts: list[int],
    dead: set[int],
    constants: tuple[float, float],
) -> None:
    """Bit by bit, whatever the segments and however many rows are dead."""
    ids = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(len(captions))]
    store = CaptionStore(tmp_path_factory.mktemp("index"), Manifest(WORDS.id, "uid"))
    bounds = sorted({0, len(captions), *(cut for cut in cuts if cut < len(captions))})
    for start, end in pairwise(bounds):
        builder = SegmentBuilder()
        for n in range(start, end):
            builder.add(ids[n], WORDS.of(captions[n]))
        store.append(builder.segment())
    gone = {n for n in dead if n < len(captions)}
    store.bury(gone)
    alive = {ids[n]: captions[n] for n in range(len(captions)) if n not in gone}
    expected = naive(alive, WORDS, *constants).search(query, k)
    for _ in range(2):
        scores, found = Ranking(store, Formula(*constants)).best(WORDS.of(query), k)
        assert list(zip(scores.tolist(), [row.tobytes().hex() for row in found], strict=True)) == (
            expected
        )
        store.compact()  # and once more, with the segments written anew


def test_pruning_loses_nothing_on_a_large_pool(tmp_path: Path, naive: Any) -> None:
    random = np.random.default_rng(1)
    shares = 1 / np.arange(1, 301) ** 1.05
    words = [f"w{n}x" for n in range(300)]

    def draw(count: int) -> str:
        return " ".join(random.choice(words, count, p=shares / shares.sum()))

    captions = {
        hashlib.sha256(str(n).encode()).hexdigest(): draw(random.integers(1, 15))
        for n in range(6_000)
    }
    store = CaptionStore(tmp_path, Manifest(WORDS.id, "uid"))
    builder = SegmentBuilder()
    for identity, text in captions.items():
        builder.add(identity, WORDS.of(text))
    store.append(builder.segment())
    ranking, reference = Ranking(store, Formula(1.2, 0.75)), naive(captions, WORDS)
    for _ in range(15):
        query = draw(random.integers(1, 12))
        scores, ids = ranking.best(WORDS.of(query), 10)
        found = list(zip(scores.tolist(), [row.tobytes().hex() for row in ids], strict=True))
        assert found == reference.search(query, 10)


def test_a_retriever_gives_the_naive_ranking_with_the_query_s_text(
    collection: Collection, put: Any, retrieve: Any, naive: Any
) -> None:
    put(collection, ["a red kite", "two red kites on a red field", "an owl", "", "the of", "red"])
    retriever = retrieve()
    assert retriever.sync(collection) == 6
    reference = naive(captions_of(collection), Words("english", "english"))
    for text in ("red kite", "a red, red kite!", "owls", "field of kites", "boat"):
        assert one(retriever, text) == reference.search(text, 10)
        assert {hit.query for hit in retriever.search([Query(text=text)], 3)[0]} <= {text}


def test_what_shares_no_word_is_no_hit(collection: Collection, put: Any, retrieve: Any) -> None:
    put(collection, ["a red kite", "a green owl"])
    retriever = retrieve()
    retriever.sync(collection)
    assert [len(one(retriever, text, 50)) for text in ("kite owl", "owl", "a boat", "the")] == [
        2,
        1,
        0,
        0,
    ]


def test_equal_scores_are_in_the_order_of_ids(
    collection: Collection, put: Any, retrieve: Any
) -> None:
    put(collection, ["a red kite"] * 40)
    retriever = retrieve()
    retriever.sync(collection)
    for k in (1, 7, 39, 40, 41):
        found = one(retriever, "kite", k)
        assert len({score for score, _ in found}) == 1
        assert [identity for _, identity in found] == sorted(captions_of(collection))[:k]


def test_a_filter_still_finds_k(collection: Collection, put: Any, retrieve: Any) -> None:
    put(collection, [f"kite number {'x ' * (n % 7)}{n}" for n in range(300)])
    retriever = retrieve()
    retriever.sync(collection)

    def rare(item: Item) -> bool:
        return item.caption.endswith("77")

    everything = one(retriever, "kite", 300)
    assert len(everything) == 300
    names = captions_of(collection)
    wanted = [hit for hit in everything if names[hit[1]].endswith("77")]
    assert len(wanted) == 3
    for k in (1, 2, 3, 300):
        assert one(retriever, "kite", k, rare) == wanted[:k]
    assert one(retriever, "kite", 5, lambda item: False) == []


def test_removed_items_are_hidden_before_the_next_sync(
    collection: Collection, put: Any, retrieve: Any
) -> None:
    put(collection, ["red kite"] * 30)
    retriever = retrieve()
    retriever.sync(collection)
    while len(collection):
        first = one(retriever, "kite", 1)[0][1]
        collection.remove([first])
        found = [identity for _, identity in one(retriever, "kite", 30)]
        assert found == sorted(captions_of(collection))
        if len(collection) % 3 == 0:
            retriever.sync(collection)


def test_no_queries_no_k_and_no_items_give_no_hits(
    collection: Collection, put: Any, retrieve: Any
) -> None:
    retriever = retrieve()
    assert retriever.sync(collection) == 0
    assert retriever.search([Query(text="kite")], 3) == [[]]
    put(collection, ["kite"])
    assert retriever.sync(collection) == 1
    assert retriever.search([], 3) == []
    assert retriever.search([Query(text="kite")], 0) == [[]]
    assert len(one(retriever, "kite", 3)) == 1
    assert retriever.search([Query(text=""), Query(text="kite"), Query(text="…")], 1)[1]


@pytest.mark.parametrize("captions", [[""] * 3, ["the of", "and", "a"]])
def test_captions_without_words_are_never_found(
    collection: Collection, put: Any, retrieve: Any, captions: list[str]
) -> None:
    put(collection, captions)
    retriever = retrieve()
    assert retriever.sync(collection) == 3
    assert retriever.sync(collection) == 0
    assert retriever.search([Query(text="kite"), Query(text="the of and")], 3) == [[], []]


def test_pictures_are_refused_with_what_to_do(
    collection: Collection, put: Any, retrieve: Any
) -> None:
    put(collection, ["kite"])
    retriever = retrieve()
    retriever.sync(collection)
    with pytest.raises(CapabilityError, match=r"compares words.*plugins list --role retriever"):
        retriever.search([Query(text="kite"), Query(image=Image.new("RGB", (2, 2)))], 1)


def test_searching_before_a_sync_says_what_to_do(retrieve: Any) -> None:
    with pytest.raises(CollectionError, match="imagerag index"):
        retrieve().search([Query(text="kite")], 1)


HOSTILE = [
    'kite"',
    '"kite" OR 1=1 --',
    "kite* NEAR(kite owl)",
    "kite AND owl NOT owl",
    "caption : kite",
    "{caption tags} : ^kite",
    "-kite +kite",
    "kite'); DROP TABLE items; --",
    "\x00kite\x00",
    "\u202ekite\u202c",
    "kite\ud800",
    "%s %d {} {0} \\u0000 kite",
    "(((((" * 500 + "kite",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_signs_of_query_languages_are_data(
    collection: Collection, put: Any, retrieve: Any, naive: Any, text: str
) -> None:
    put(collection, ["kite", "owl boat", text.encode("utf-8", "replace").decode(), "near caption"])
    retriever = retrieve()
    retriever.sync(collection)
    captions = captions_of(collection)
    found = one(retriever, text, 9)
    assert found == naive(captions, Words("english", "english")).search(text, 9)
    assert "kite" in {captions[identity] for _, identity in found}
    assert len(collection) == 4


def test_a_query_of_ten_megabytes_is_answered_at_once(
    collection: Collection, put: Any, retrieve: Any
) -> None:
    put(collection, [f"kite w{n}" for n in range(50)])
    retriever = retrieve()
    retriever.sync(collection)
    long = "kite " + " ".join(f"w{n}" for n in range(1_500_000))
    assert len(long) > 10_000_000
    started = time.perf_counter()
    assert len(one(retriever, long, 50)) == 50
    assert time.perf_counter() - started < 2


def test_captions_in_other_languages_are_found(
    collection: Collection, put: Any, retrieve: Any
) -> None:
    captions = {
        "黒い猫が草の上で寝ている": "黒猫",
        "一只刺猬在绿色的草地上": "刺猬",
        "고슴도치 그림": "고슴도치",
        "เม่นบนพื้นหญ้า": "เม่น",
        "Ёж на зелёном лугу": "ёж",
        "ein Igel auf der Straße": "IGEL STRASSE",
        "un hérisson dans l’herbe": "l'hérisson",
        "हरी घास पर एक साही": "साही",
        "قنفذ على العشب": "قنفذ",
    }
    put(collection, list(captions))
    retriever = retrieve()
    retriever.sync(collection)
    for caption, asked in captions.items():
        assert retriever.search([Query(text=asked)], 1)[0][0].item.caption == caption


def test_tags_are_searched_where_asked_for(collection: Collection, put: Any, retrieve: Any) -> None:
    put(collection, ["a picture"], tags=("Night Owl", "feather"))
    put(collection, {1: "a picture"})
    for tags, count in ((False, 0), (True, 1)):
        retriever = retrieve(tags=tags)
        retriever.sync(collection)
        assert len(one(retriever, "owl")) == count
    assert len(one(retriever, "picture")) == 2


def test_a_session_builds_it_from_a_configuration(collection: Collection, put: Any) -> None:
    put(collection, ["a red kite", "an owl"])
    config = {
        "collection": str(collection.path),
        "retriever": {"use": "bm25", "k1": 0.9, "stop_words": ["photo"]},
    }
    with Session.from_config(config, registry=registry("imagerag_bm25.plugin")) as session:
        retriever = session.retriever
        assert retriever.sync(session.collection) == 2
        [hit] = retriever.search([Query(text="a photo of owls")], 4)[0][:1]
        assert hit.item.caption == "an owl"
        assert retriever.versions()["bm25"] == "lucene, k1 = 0.9, b = 0.75"
        facts = retriever.facts()
        assert (facts.usd_per_picture, facts.commercial) == (0.0, True)
        assert facts.implementation == f"{type(retriever).__module__}.{type(retriever).__name__}"


def test_closing_twice_does_nothing_more(collection: Collection, put: Any, retrieve: Any) -> None:
    put(collection, ["kite"])
    retriever = retrieve()
    retriever.sync(collection)
    retriever.close()
    retriever.close()
    retriever.sync(collection)
    assert len(one(retriever, "kite")) == 1


def test_threads_may_search_while_one_syncs(
    collection: Collection, put: Any, retrieve: Callable[..., Any]
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    put(collection, ["red kite"] * 5)
    retriever = retrieve()
    retriever.sync(collection)

    def work(number: int) -> int:
        if number % 4 == 0:
            put(collection, {100 + number: "red kite"})
            retriever.sync(collection)
        return len(one(retriever, "kite", 99))

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(work, range(40)))
    assert min(counts) >= 5
    retriever.sync(collection)
    assert len(one(retriever, "kite", 99)) == 15


def test_a_search_does_not_wait_for_a_sync(
    collection: Collection, put: Any, retrieve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(collection, ["red kite"] * 3)
    retriever = retrieve()
    retriever.sync(collection)
    put(collection, {9: "red kite"})
    inside, go_on = threading.Event(), threading.Event()

    def slow(store: CaptionStore) -> None:
        inside.set()
        assert go_on.wait(30)

    monkeypatch.setattr(CaptionStore, "compact", slow)
    syncing = threading.Thread(target=retriever.sync, args=(collection,))
    syncing.start()
    assert inside.wait(30)
    assert len(one(retriever, "kite")) == 3, "the former state, at once"
    go_on.set()
    syncing.join()
    assert len(one(retriever, "kite")) == 4
