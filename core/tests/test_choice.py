"""The re-ranker that asks the critic: whatever it answers, the result is a permutation."""

from __future__ import annotations

import pytest

from imagerag import ImageRAG, Session
from imagerag.errors import CapabilityError
from imagerag.values import Choice, Hit, Query

PROMPT = "a hedgehog on a green background"


@pytest.fixture
def rerank(plugins, settings, pool):
    """Re-rank all pictures of the pool with an order that the critic gives."""

    def rerank(order, query=None, **options):
        values = {
            **settings(),
            "critic": {"use": "scripted", "order": order},
            "reranker": {"use": "critic", **options},
        }
        with Session.from_config(values, registry=plugins) as session:
            items = sorted(session.collection.items(), key=lambda item: item.id)
            hits = [Hit(item, 1.0 - number / 10) for number, item in enumerate(items)]
            ordered = session.reranker.rerank(query or Query(text="an okapi"), hits)
            place = {item.id: number for number, item in enumerate(items)}
            return [place[hit.item.id] for hit in ordered], session.account, session.critic.calls

    return rerank


def test_what_the_critic_names_comes_first_in_its_order(rerank):
    assert rerank((3, 1))[0] == [3, 1, 0, 2, 4]
    assert rerank((4, 3, 2, 1, 0))[0] == [4, 3, 2, 1, 0]


def test_pictures_that_were_not_shown_cannot_be_named(rerank):
    assert rerank((99, 2, 7))[0] == [2, 0, 1, 3, 4]


def test_an_answer_that_names_nothing_keeps_the_order_and_is_recorded(rerank):
    order, account, _ = rerank(())
    assert order == [0, 1, 2, 3, 4]
    assert [(d.stage, d.decision) for d in account.decisions] == [
        ("rerank", "keep the order for 'an okapi'")
    ]


def test_only_the_best_are_shown_and_the_others_stay_behind(rerank):
    assert rerank((1, 4), most=3)[0] == [1, 0, 2, 3, 4]


def test_a_picture_as_query_is_not_shown_to_the_critic(rerank):
    from PIL import Image

    order, _, calls = rerank((4,), query=Query(image=Image.new("RGB", (8, 8))))
    assert order == [0, 1, 2, 3, 4]
    assert calls == []


def test_a_critic_that_cannot_choose_is_refused_before_anything_is_painted(plugins, settings, pool):
    values = {**settings(), "critic": {"use": "mute"}, "reranker": {"use": "critic"}}
    values["loop"] = {"keep": "last"}
    with ImageRAG.from_config(values, registry=plugins, progress=False) as one:
        with pytest.raises(CapabilityError, match=r"'choose'.*reranker.critic = "):
            one.generate(PROMPT)
        assert one.session.generator.guidances == []


def test_a_critic_of_its_own_may_do_the_choosing(plugins, settings, pool):
    values = {
        **settings(),
        "reranker": {"use": "critic", "critic": {"use": "scripted", "order": [2]}},
    }
    with ImageRAG.from_config(values, registry=plugins, progress=False) as one:
        run = one.generate(PROMPT)
        assert [call for call, *_ in one.session.built()["reranker.critic"].calls] == ["choose"]
        assert all(call != "choose" for call, *_ in one.session.critic.calls)
    assert any(d.stage == "rerank" for d in run.decisions)


@pytest.mark.parametrize("order", [(1, 1), (0, 2, 0), (-1,)])
def test_a_choice_names_each_picture_once(order):
    with pytest.raises(ValueError, match="at most once"):
        Choice(order)


def test_what_a_critic_says_instead_of_an_order_is_plain(rerank, monkeypatch):
    from imagerag.testing.doubles import ScriptedCritic

    hostile = Choice((), "no \x1b[31mred\x1b[0m" + "!" * 5000)
    monkeypatch.setattr(ScriptedCritic, "choose", lambda self, text, images: hostile)
    [decision] = rerank(())[1].decisions
    assert decision.reason.startswith("no [31mred")
    assert decision.reason.isprintable()
    assert len(decision.reason) == 500
