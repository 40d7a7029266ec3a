"""What re-rankers are held to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imagerag.errors import CapabilityError
from imagerag.testing.suites import pools
from imagerag.testing.suites.pictures import picture
from imagerag.testing.suites.ruling import rule
from imagerag.testing.suites.suite import ComponentSuite
from imagerag.testing.suites.verdict import broken, require
from imagerag.values import Hit, Query

if TYPE_CHECKING:
    from imagerag.collection import Collection
    from imagerag.roles import Reranker
    from imagerag.testing.suites.workshop import Workshop

SIZE = 12
HITS = 6
ASKED = 4


class RerankerSuite(ComponentSuite):
    """Holds a re-ranker to its role, on hits of a pool of made pictures."""

    role = "reranker"

    @classmethod
    def collection_in(cls, folder: Path) -> Path | None:
        """Make the pool."""
        return pools.make_pool(folder / "pool", SIZE)

    @pytest.fixture(scope="class")
    @classmethod
    def hits(cls, workshop: Workshop) -> list[Hit]:
        """Hits of a text, the best first."""
        assert workshop.collection is not None
        collection: Collection = workshop.opened(workshop.collection)
        items = list(collection.items())[:HITS]
        return [
            Hit(item, 0.9 - number / 10, pools.caption(ASKED)) for number, item in enumerate(items)
        ]

    @pytest.fixture(scope="class")
    @classmethod
    def given(cls, hits: list[Hit]) -> dict[str, Any]:
        """What it is exercised with: a query and its hits."""
        return {"query": _query(), "hits": list(hits)}

    def exercise(self, subject: Any, given: Any) -> Any:
        """Order the hits anew."""
        return [hit.item.id for hit in subject.rerank(given["query"], given["hits"])]

    def refusals(self, subject: Any, workshop: Workshop) -> Iterable[tuple[str, Callable[[], Any]]]:
        """A picture as a query."""
        assert workshop.collection is not None
        items = list(workshop.opened(workshop.collection).items())[:HITS]
        hits = [Hit(item, 0.5) for item in items]
        yield "a picture as a query", lambda: subject.rerank(Query(image=picture(1)), hits)

    @rule()
    def test_it_permutes(self, subject: Reranker, hits: list[Hit]) -> None:
        """The hits come back, each once, in some order; none is added, lost or doubled."""
        for count in (2, 3, HITS):
            for query in (_query(), Query(text="a picture of nothing in particular")):
                _check(hits[:count], subject.rerank(query, hits[:count]))

    @rule()
    def test_one_hit_comes_back(self, subject: Reranker, hits: list[Hit]) -> None:
        """A single hit comes back alone."""
        _check(hits[:1], _try(lambda: subject.rerank(_query(), hits[:1]), "one hit"))

    @rule()
    def test_no_hits_are_no_trouble(self, subject: Reranker) -> None:
        """No hits give no hits."""
        _check([], _try(lambda: subject.rerank(_query(), []), "no hits"))

    @rule()
    def test_items_are_kept(self, subject: Reranker, hits: list[Hit]) -> None:
        """Each hit keeps its own item, as the retriever gave it."""
        given = {hit.item.id: hit.item for hit in hits}
        for hit in subject.rerank(_query(), hits):
            was = given.get(hit.item.id)
            require(was is None or was == hit.item, f"{was!r} comes back as {hit.item!r}")

    @rule()
    def test_pictures_are_taken_or_refused(self, subject: Reranker, hits: list[Hit]) -> None:
        """A picture as a query gives a permutation, or raises CapabilityError."""
        try:
            ordered = subject.rerank(Query(image=picture(1)), hits)
        except CapabilityError:
            return
        except Exception as error:
            broken(f"a picture as a query raises {type(error).__name__}, not CapabilityError")
        require(isinstance(ordered, list), f"a picture as a query gives {ordered!r}")


def _query() -> Query:
    return Query(text=pools.caption(ASKED))


def _try(call: Callable[[], Any], what: str) -> Any:
    try:
        return call()
    except Exception as error:
        broken(f"{what} raises {type(error).__name__}: {error}")


def _check(given: Sequence[Hit], back: Sequence[Hit]) -> None:
    before, after = ([hit.item.id[:8] for hit in hits] for hits in (given, back))
    require(sorted(before) == sorted(after), f"of the hits {before} it makes {after}")
