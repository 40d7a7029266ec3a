"""What retrievers are held to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imagerag.errors import CapabilityError
from imagerag.testing.suites import pools
from imagerag.testing.suites.index_rules import ASKED, SIZE, IndexRules, K, ids, queries
from imagerag.testing.suites.nearness import recall_of
from imagerag.testing.suites.pictures import picture
from imagerag.testing.suites.ruling import rule
from imagerag.testing.suites.suite import ComponentSuite
from imagerag.testing.suites.verdict import broken, require, unjudged
from imagerag.values import Query

if TYPE_CHECKING:
    from imagerag.collection import Collection
    from imagerag.roles import Retriever
    from imagerag.testing.suites.workshop import Workshop
    from imagerag.values import Item


class RetrieverSuite(IndexRules, ComponentSuite):
    """Holds a retriever to its role, on pools of made pictures.

    The encoder beside it is the double `hashing`; `beside = {"encoder": {…}}` names another one.
    What is the nearest is decided by brute force over what the retriever says it `compares`, and
    it has to find the share of them that it declares as its `recall`.
    """

    role = "retriever"

    @classmethod
    def collection_in(cls, folder: Path) -> Path | None:
        """Make the pool."""
        return pools.make_pool(folder / "pool", SIZE, tied=True)

    @pytest.fixture(scope="class")
    @classmethod
    def pool(cls, workshop: Workshop) -> Collection:
        """The run's collection; rules that change it take a copy."""
        assert workshop.collection is not None
        return workshop.opened(workshop.collection)

    @pytest.fixture(scope="class")
    @classmethod
    def synced(cls, subject: Retriever, pool: Collection) -> Retriever:
        """The retriever, caught up with the pool."""
        subject.sync(pool)
        return subject

    @pytest.fixture(scope="class")
    @classmethod
    def given(cls, pool: Collection) -> dict[str, Any]:
        """What it is exercised with: the pool, and queries."""
        return {"collection": pool, "queries": queries()}

    def exercise(self, subject: Any, given: Any) -> Any:
        """Catch up and search."""
        subject.sync(given["collection"])
        return [ids(hits) for hits in subject.search(given["queries"], K)]

    def refusals(self, subject: Any, workshop: Workshop) -> Iterable[tuple[str, Callable[[], Any]]]:
        """A search before anything was synchronised, and a picture as a query."""
        fresh = workshop.build()
        yield "a search before sync()", lambda: fresh.search(queries(), K)
        yield "a picture as a query", lambda: subject.search([Query(image=picture(1))], K)

    @rule()
    def test_one_list_for_each_query(self, synced: Retriever) -> None:
        """There is one list of hits for each query, in order; none for no queries."""
        require(synced.search([], K) == [], "no queries give something else than no lists")
        together = synced.search(queries(), K)
        require(len(together) == len(queries()), f"{len(together)} lists for {len(queries())}")
        for number, query in enumerate(queries()):
            alone = ids(synced.search([query], K)[0])
            require(
                set(ids(together[number])) == set(alone),
                f"query {number} of {len(queries())} finds other items than alone",
            )

    @rule()
    def test_more_may_be_asked_for_than_there_are(
        self, synced: Retriever, pool: Collection
    ) -> None:
        """With `k` beyond the size of the collection, all are found that are to be found."""
        size = len(pool)
        for query in queries():
            try:
                [hits] = synced.search([query], 10 * size)
            except Exception as error:
                broken(f"k = {10 * size} of {size} items raises {type(error).__name__}: {error}")
            many = len(set(ids(hits)))
            whole = synced.compares != "own"
            require(
                many == size if whole else many >= min(K, len(synced.search([query], K)[0])),
                f"k = {10 * size} finds {many} of {size} items",
            )

    @rule()
    def test_scores_descend(self, synced: Retriever) -> None:
        """Hits come with the best score first."""
        for hits in synced.search(queries(), SIZE):
            scores = [hit.score for hit in hits]
            require(scores == sorted(scores, reverse=True), f"scores do not descend: {scores}")

    @rule()
    def test_ties_are_ordered_by_id(self, synced: Retriever) -> None:
        """Hits of the same score are ordered by item id, so that a search can be repeated."""
        tied = 0
        for hits in synced.search([*queries(), Query(text=pools.caption(55))], SIZE):
            for one, other in pairwise(hits):
                if one.score == other.score and one.item.id != other.item.id:
                    tied += 1
                    require(
                        one.item.id < other.item.id,
                        f"{one.item.id[:8]} comes before {other.item.id[:8]}, with the same score",
                    )
        if not tied:
            unjudged("no two items of the pool have the same score")

    @rule()
    def test_ids_are_unique(self, synced: Retriever, pool: Collection) -> None:
        """No item is found twice by one query."""
        for k in (K, len(pool), len(pool) + 5):
            for query in queries():
                with suppress(Exception):  # that k may be larger than the pool is another rule
                    found = ids(synced.search([query], k)[0])
                    require(len(set(found)) == len(found), f"k = {k} finds an item twice")

    @rule()
    def test_no_more_than_asked_for(self, synced: Retriever) -> None:
        """There are at most `k` hits."""
        for k in (1, K):
            for hits in synced.search(queries(), k):
                require(len(hits) <= k, f"k = {k} finds {len(hits)} items")

    @rule()
    def test_hits_are_the_items_of_the_collection(
        self, synced: Retriever, pool: Collection
    ) -> None:
        """A hit carries its item as the catalogue has it: caption, licence, tags and all."""
        for hits in synced.search(queries(), K):
            for hit in hits:
                require(
                    pool.has(hit.item.id) and pool.get(hit.item.id) == hit.item,
                    f"the catalogue has another item than {hit.item!r}",
                )

    @rule()
    def test_the_nearest_are_found(self, synced: Retriever, pool: Collection) -> None:
        """The hits are those of brute force, but for the share that `recall` leaves open."""
        require(0.0 < synced.recall <= 1.0, f"recall is {synced.recall}")
        encoder = synced.context.component("encoder") if synced.compares != "own" else None
        asked = [*queries(), *(Query(image=picture(n)) for n in ASKED if _sees(synced))]
        found = recall_of(synced, encoder, asked, K, pool)
        require(
            found >= synced.recall,
            f"{found:.3f} of the nearest {K} are found, and recall = {synced.recall} is declared",
        )

    @rule()
    def test_a_filter_leaves_no_gap(self, synced: Retriever) -> None:
        """`where` is honoured, and `k` hits are still found where that many pass it."""
        for k in (2, K):
            for query in queries():
                everything = synced.search([query], SIZE)[0]
                passing = len({h.item.id for h in everything if _is_odd(h.item)})
                [hits] = synced.search([query], k, _is_odd)
                wrong = [hit.item.caption for hit in hits if not _is_odd(hit.item)]
                require(not wrong, f"`where` is false for {wrong}")
                many, least = len(set(ids(hits))), min(k, passing)
                require(many >= least, f"{many} hits for k = {k}, and {passing} items pass `where`")

    @rule()
    def test_pictures_are_found_or_refused(self, synced: Retriever) -> None:
        """A picture as a query is answered, or refused with CapabilityError; never ignored."""
        number = ASKED[0]
        try:
            [hits] = synced.search([Query(image=picture(number))], K)
        except CapabilityError:
            return
        except Exception as error:
            broken(f"a picture as a query raises {type(error).__name__}, not CapabilityError")
        require(
            synced.compares == "own" or ids(hits)[:1] == [pools.identity(number)],
            "a picture of the collection, as a query, is not the first hit of its own",
        )


def _is_odd(item: Item) -> bool:
    return "odd" in item.tags


def _sees(retriever: Retriever) -> bool:
    """Say whether it answers pictures; what else it may do with them is another rule."""
    try:
        return bool(retriever.search([Query(image=picture(1))], 1)[0])
    except Exception:
        return False
