"""The retriever `union`: reciprocal rank fusion, by the formula."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imagerag.components.config import UnionConfig
from imagerag.components.union import UnionRetriever
from imagerag.config import load
from imagerag.errors import CapabilityError, ConfigError
from imagerag.roles import Context, Retriever
from imagerag.values import Hit, Item, Query

TEXT, PICTURE = Query(text="x"), Query(image=Image.new("RGB", (1, 1)))


class Ranking(Retriever):
    """Finds what it was given, in that order, for texts; and for pictures where it `sees`."""

    def __init__(self, order, sees=True):
        super().__init__(None, Context(component=lambda role: None, cache_dir=Path()))
        self.order, self.sees = order, sees
        self.skipped = [(name, "broken") for name in order[:1]]

    def sync(self, collection):
        return len(self.order)

    def search(self, queries, k, where=None):
        if not self.sees and any(query.image for query in queries):
            raise CapabilityError("words only")
        items = [Item(name) for name in self.order]
        hits = [Hit(item, 0.5, "x") for item in items if where is None or where(item)]
        return [hits[:k] for _ in queries]


def united(*parts, decisions=None, **options):
    config = UnionConfig(of=[{"use": "ranking"}] * len(parts), **options)
    context = Context(
        component=lambda role: None,
        cache_dir=Path(),
        parts={"of": parts},
        decide=lambda *line: None if decisions is None else decisions.append(line),
    )
    return UnionRetriever(config, context)


def names(hits):
    return [hit.item.id for hit in hits]


orders = st.permutations("abcdef").flatmap(
    lambda order: st.integers(0, 6).map(lambda length: order[:length])
)
weights = st.floats(0.01, 100)


@given(st.lists(st.tuples(orders, weights), min_size=1, max_size=4), st.integers(0, 60))
def test_a_hit_scores_the_sum_of_weight_over_constant_plus_rank(lists, constant):
    parts = [Ranking(order) for order, _ in lists]
    union = united(*parts, weights=[weight for _, weight in lists], constant=constant)
    [hits] = union.search([TEXT], 10)
    expected = {
        name: sum(w / (constant + 1 + o.index(name)) for o, w in lists if name in o)
        for name in "abcdef"
        if any(name in order for order, _ in lists)
    }
    assert {hit.item.id: hit.score for hit in hits} == pytest.approx(expected)
    assert names(hits) == [
        hit.item.id for hit in sorted(hits, key=lambda hit: (-hit.score, hit.item.id))
    ]


@given(st.permutations([["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]))
def test_the_same_ranks_in_another_order_are_a_tie(lists):
    [hits] = united(*map(Ranking, lists)).search([TEXT], 3)
    assert names(hits) == ["a", "b", "c"]
    assert len({hit.score for hit in hits}) == 1


def test_a_heavier_retriever_decides():
    parts = Ranking(["a", "b"]), Ranking(["b", "a"])
    assert names(united(*parts, weights=[2, 1]).search([TEXT], 2)[0]) == ["a", "b"]
    assert names(united(*parts, weights=[1, 2]).search([TEXT], 2)[0]) == ["b", "a"]


def test_a_filter_holds_for_every_part():
    union = united(Ranking(["a", "b", "c"]), Ranking(["c", "b", "a"]))
    [hits] = union.search([TEXT], 2, lambda item: item.id != "b")
    assert names(hits) == ["a", "c"]


def test_a_part_without_eyes_answers_the_texts_among_the_queries():
    decisions = []
    union = united(Ranking(["a"]), Ranking(["b"], sees=False), decisions=decisions)
    found = union.search([PICTURE, TEXT, PICTURE], 3)
    assert [names(hits) for hits in found] == [["a"], ["a", "b"], ["a"]]
    assert decisions == [("retrieve", "without Ranking", "words only")]


def test_pictures_are_refused_where_nobody_takes_them():
    union = united(Ranking(["a"], sees=False), Ranking(["b"], sees=False))
    with pytest.raises(CapabilityError, match="words only"):
        union.search([TEXT, PICTURE], 3)
    assert names(union.search([TEXT], 3)[0]) == ["a", "b"]


def test_skipped_items_of_all_parts_are_named_once():
    union = united(Ranking(["a", "b"]), Ranking(["a"]), Ranking(["c"]))
    assert union.sync(None) == 2
    assert union.skipped == (("a", "broken"), ("c", "broken"))


def test_weights_are_counted_when_the_configuration_is_read(plugins, settings):
    retriever = {"use": "union", "of": [{"use": "memory"}], "weights": [1.0, 2.0]}
    with pytest.raises(ConfigError, match="2 weights for 1 retrievers"):
        load({**settings(), "retriever": retriever}, plugins)
    with pytest.raises(ConfigError, match="weights"):
        load({**settings(), "retriever": {**retriever, "weights": [0.0]}}, plugins)
