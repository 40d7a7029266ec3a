"""Components inside another component's table: validated, built, closed and explained like any."""

from __future__ import annotations

import pytest

from imagerag import Session
from imagerag.config import load
from imagerag.errors import CapabilityError, ConfigError
from imagerag.values import Query


def union(*tables, **options):
    parts = [{"use": "memory", **table} for table in tables]
    return {"use": "union", "of": parts, **options}


@pytest.fixture
def session(plugins, settings, home):
    opened = []

    def build(retriever=None, **rest):
        values = {**settings(), **rest}
        if retriever is not None:
            values["retriever"] = retriever
        opened.append(Session.from_config(values, registry=plugins))
        return opened[-1]

    yield build
    for one in opened:
        one.close()


def test_a_part_is_validated_by_its_own_plugin(plugins, settings):
    values = {**settings(), "retriever": union({"encoder": {"use": "hashing", "dmi": 8}})}
    with pytest.raises(ConfigError, match=r"\[retriever.of.encoder\] unknown key 'dmi'.*'dim'"):
        load(values, plugins)


def test_a_mistake_in_a_part_is_told_with_its_line(plugins, tmp_path):
    file = tmp_path / "c.toml"
    file.write_text(
        '[retriever]\nuse = "union"\n\n[[retriever.of]]\nuse = "memory"\nencoder = {dim = 3}\n'
    )
    with pytest.raises(ConfigError, match=r"c.toml:6: \[retriever.of.encoder\] needs `use"):
        load(file, plugins)
    file.write_text('[critic]\nuse = "scripted"\n\n[critic.encoder]\nuse = "hashing"\ndmi = 3\n')
    with pytest.raises(ConfigError, match=r"c.toml:6: \[critic.encoder\] unknown key 'dmi'"):
        load(file, plugins)


def test_resolved_parts_hold_their_defaults_and_load_again(plugins, settings):
    values = {
        **settings(),
        "retriever": union({"encoder": {"use": "hashing"}}, {}, take=3),
        "critic": {"use": "scripted", "encoder": {"use": "hashing", "dim": 7}},
    }
    resolved = load(values, plugins).resolved()
    assert resolved["retriever"]["of"][0] == {
        "use": "memory",
        "encoder": {"use": "hashing", "dim": 64, "salt": ""},
    }
    assert resolved["critic"]["encoder"] == {"use": "hashing", "dim": 7, "salt": ""}
    again = {key: value for key, value in resolved.items() if value is not None}
    assert load(again, plugins).resolved() == resolved


def test_an_optional_part_that_is_absent_stays_absent(plugins, settings):
    resolved = load(settings(), plugins).resolved()
    assert resolved["generator"]["base"] is None
    values = {**settings(), "generator": {"use": "watchful", "base": {"use": "null"}}}
    resolved = load(values, plugins).resolved()
    assert resolved["generator"]["base"]["use"] == "null"
    assert resolved["generator"]["base"]["width"] == 8


def test_a_key_inside_a_part_can_be_overridden_alone(plugins, settings):
    values = {**settings(), "critic": {"use": "scripted", "encoder": {"use": "hashing", "dim": 7}}}
    loaded = load(values, plugins, {"critic.encoder.dim": 9})
    assert loaded.resolved()["critic"]["encoder"] == {"use": "hashing", "dim": 9, "salt": ""}
    swapped = load(values, plugins, {"critic.encoder.use": "away"})
    assert swapped.resolved()["critic"]["encoder"] == {"use": "away", "dim": 64, "salt": ""}


def test_a_table_named_for_a_role_replaces_the_run_s_component(session, pool):
    one = session(union({"encoder": {"use": "hashing", "dim": 9}}, {}))
    retriever = one.retriever
    retriever.sync(one.collection)
    first, second = retriever.context.parts["of"]
    assert first.context.component("encoder").dim == 9
    assert second.context.component("encoder") is one.encoder
    assert set(one.built()) == {
        *("retriever", "retriever.of[0]", "retriever.of[0].encoder", "retriever.of[1]", "encoder")
    }


def test_parts_are_built_once_and_closed(session, pool, acme):
    acme.WatchfulGenerator.closed = 0
    one = session(union({}, {}))
    assert one.retriever.context.parts["of"][0] is one.retriever.context.parts["of"][0]
    assert len(one.retriever.context.parts["of"]) == 2
    assert one.retriever.context.parts["of"][-1] is one.retriever.context.parts["of"][1]
    with pytest.raises(IndexError):
        one.retriever.context.parts["of"][2]


def test_a_part_that_asks_for_itself_is_a_circle_and_says_so(session, pool):
    values = {"use": "circular", "encoder": {"use": "circular"}}
    with pytest.raises(ConfigError, match=r"circle: critic → critic.encoder → critic\."):
        _ = session(critic=values).critic


def test_the_union_holds_each_item_once_best_ranks_first(session, pool):
    one = session(union({"encoder": {"use": "hashing", "dim": 8}}, {}))
    one.retriever.sync(one.collection)
    [hits] = one.retriever.search([Query(text="a photo of a okapi")], 10)
    ids = [hit.item.id for hit in hits]
    assert len(ids) == len(set(ids)) == 5
    assert hits[0].item.caption == "a photo of a okapi"
    assert hits[0].score == pytest.approx(2 / 61)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)


def test_the_union_takes_the_best_of_each(session, pool):
    parts = [{"encoder": {"use": "hashing", "dim": 8}}, {"encoder": {"use": "hashing", "dim": 4}}]
    one = session(union(*parts, take=1))
    one.retriever.sync(one.collection)
    [hits] = one.retriever.search([Query(text="quokka photo")], 10)
    singly = []
    for part in one.retriever.context.parts["of"]:
        [found] = part.search([Query(text="quokka photo")], 1)
        singly.append(found[0].item.id)
    assert {hit.item.id for hit in hits} == set(singly)
    assert one.retriever.search([Query(text="x"), Query(text="y")], 0) == [[], []]


def test_the_union_honours_where_and_needs_a_part(session, pool, plugins, settings):
    one = session(union({}, {}))
    one.retriever.sync(one.collection)
    [hits] = one.retriever.search(
        [Query(text="okapi")], 9, lambda i: i.id == pool["a photo of a okapi"]
    )
    assert [hit.item.caption for hit in hits] == ["a photo of a okapi"]
    with pytest.raises(ConfigError, match="at least 1"):
        load({**settings(), "retriever": {"use": "union", "of": []}}, plugins)
    with pytest.raises(ConfigError, match=r"\[\[retriever.of\]\]"):
        _ = session({"use": "union"}).retriever


def test_a_run_through_the_union_names_every_part_in_its_record(rag, pool, plugins, settings):
    from imagerag import ImageRAG

    values = {**settings(), "retriever": union({"encoder": {"use": "hashing", "dim": 9}}, {})}
    with ImageRAG.from_config(values, registry=plugins, progress=False) as one:
        run = one.generate("a hedgehog on a green background")
    assert run.references
    assert run.config["retriever"]["of"][0]["encoder"]["dim"] == 9


def test_a_remote_encoder_inside_a_part_is_refused_private_images(session, more_pools):
    from imagerag import selection

    more_pools("pool", ["a photo of a hedgehog"], private=True)
    one = session(union({"encoder": {"use": "away"}}))
    with pytest.raises(CapabilityError, match=r"private images.*'away'.*allow_remote"):
        selection.sync(one)


def test_a_remote_critic_inside_a_re_ranker_sees_no_private_images(plugins, settings, more_pools):
    from imagerag import ImageRAG

    more_pools("pool", ["a photo of a axolotl"])
    mixed = more_pools("pool", ["a photo of a hedgehog"], private=True)
    values = {**settings(), "reranker": {"use": "reverse", "generator": {"use": "away"}}}
    with ImageRAG.from_config(values, registry=plugins, progress=False) as one:
        run = one.generate("a hedgehog on a green background")
    assert [r.digest for r in run.references] == [mixed["a photo of a axolotl"]]
