"""Rules about catching up: an index that is derived from a collection that changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from imagerag.errors import SpaceMismatchError
from imagerag.roles import Role
from imagerag.testing.suites import pools
from imagerag.testing.suites.ruling import rule
from imagerag.testing.suites.verdict import broken, require
from imagerag.values import Query

if TYPE_CHECKING:
    from imagerag.collection import Collection
    from imagerag.testing.suites.workshop import Workshop
    from imagerag.values import Hit

SIZE = 40
"""Items of a pool, beside twins where there are any."""

K = 7
SIZES = (1, 2, 31, 32, 33)
"""Sizes at which an index that works in batches forgets the last one, if ever."""

ASKED = (3, 17, 28)
NOBODY = "a picture of nothing in particular"
ANOTHER_SPACE = "another space"


def queries() -> list[Query]:
    """Return what is looked up: captions of three items, and one of nobody's."""
    return [*(Query(text=pools.caption(number)) for number in ASKED), Query(text=NOBODY)]


def ids(hits: Sequence[Hit]) -> list[str]:
    """Return the ids of hits, in order."""
    return [hit.item.id for hit in hits]


class IndexRules:
    """Rules that change a collection of their own, and catch up with it."""

    role: ClassVar[Role] = "retriever"

    @rule()
    def test_removed_items_stay_hidden(self, workshop: Workshop, tmp_path: Path) -> None:
        """An item that was removed is not found: not before the next sync, and not after it."""
        made, collection = self._fresh(workshop, tmp_path / "pool", SIZE)
        query = queries()[0]
        gone = ids(made.search([query], 2)[0])[:1]
        collection.remove(gone)
        require(gone[0] not in ids(made.search([query], K)[0]), "it is found until the next sync()")
        made.sync(collection)
        require(gone[0] not in ids(made.search([query], K)[0]), "it is found after sync()")

    @rule()
    def test_another_space_is_refused(self, workshop: Workshop, tmp_path: Path) -> None:
        """Vectors of another encoder are refused, or kept apart; never compared with its own.

        The other encoder has the same dimension, so that only its `space` tells them apart.
        """
        made, collection = self._fresh(workshop, tmp_path / "pool", SIZE)
        made.close()
        dim = workshop.neighbour("encoder").dim
        other = {"encoder": {"use": "hashing", "dim": dim, "salt": ANOTHER_SPACE}}
        stranger = workshop.build(collection=collection.path, beside=other)
        try:
            stranger.sync(collection)
            seen = stranger.search(queries(), K)
        except SpaceMismatchError:
            return
        apart, _ = self._fresh(workshop, tmp_path / "apart", SIZE, beside=other)
        expected = apart.search(queries(), K)
        require(
            [ids(hits) for hits in seen] == [ids(hits) for hits in expected],
            "an index of one encoder is searched with another's vectors of the same length: keep "
            "them apart by `space`, or raise SpaceMismatchError",
        )

    @rule()
    def test_catching_up_is_done_once(self, workshop: Workshop, tmp_path: Path) -> None:
        """sync() says how much it applied, and the second one has nothing to do."""
        path = pools.make_pool(tmp_path / "pool", SIZE)
        made, collection = workshop.build(collection=path), workshop.opened(path)
        first = made.sync(collection)
        before = [ids(hits) for hits in made.search(queries(), K)]
        again = made.sync(collection)
        require(first > 0, f"the first sync() of {SIZE} items says {first}")
        require(again == 0, f"a second sync() without changes says {again}")
        after = [ids(hits) for hits in made.search(queries(), K)]
        require(before == after, "a second sync() without changes changes what is found")

    @rule()
    def test_the_last_item_is_found(self, workshop: Workshop, tmp_path: Path) -> None:
        """The last item of a collection is found, at 1, 2, 31, 32 and 33 items and after one more.

        Indexes work in batches, and the end of one is where an item gets lost.
        """
        for size in SIZES:
            made, collection = self._fresh(workshop, tmp_path / str(size), size)
            self._check_found(made, pools.identity(size - 1), size - 1, size)
        pools.add(collection, [SIZES[-1]])
        made.sync(collection)
        self._check_found(made, pools.identity(SIZES[-1]), SIZES[-1], SIZES[-1] + 1)

    @rule()
    def test_an_empty_collection_has_no_hits(self, workshop: Workshop, tmp_path: Path) -> None:
        """Nothing is found in an empty collection, and that is no error."""
        made, _ = self._fresh(workshop, tmp_path / "pool", 0)
        try:
            found = made.search(queries(), K)
        except Exception as error:
            broken(f"a search in an empty collection raises {type(error).__name__}: {error}")
        require([list(hits) for hits in found] == [[] for _ in queries()], f"it finds {found}")

    @rule()
    def test_made_anew_it_finds_the_same(self, workshop: Workshop, tmp_path: Path) -> None:
        """A retriever made anew over the same collection finds the same."""
        made, collection = self._fresh(workshop, tmp_path / "pool", SIZE)
        before = [ids(hits) for hits in made.search(queries(), K)]
        made.close()
        anew = workshop.build(collection=collection.path)
        anew.sync(collection)
        after = [ids(hits) for hits in anew.search(queries(), K)]
        require(before == after, "a retriever made anew finds something else")

    def _fresh(
        self, workshop: Workshop, folder: Path, size: int, **how: Any
    ) -> tuple[Any, Collection]:
        """Return a fresh retriever, caught up with a pool of its own."""
        path = pools.make_pool(folder, size)
        made, collection = workshop.build(collection=path, **how), workshop.opened(path)
        made.sync(collection)
        return made, collection

    def _check_found(self, made: Any, wanted: str, number: int, size: int) -> None:
        query = Query(text=pools.caption(number))
        [hits] = made.search([query], size)
        require(wanted in ids(hits), f"the last of {size} items is not found")
