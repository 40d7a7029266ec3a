"""The re-ranker orders by captions that the critic writes, each image once."""

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from imagerag.collection import Collection
from imagerag.errors import CapabilityError, CollectionError, ConfigError
from imagerag.session import Session
from imagerag.testing import registry
from imagerag.values import Hit, Item, Query
from imagerag_bm25.captioner import captioner_id
from imagerag_bm25.words import Words

WORDS = Words("english", "english")


def hits_of(collection: Collection) -> list[Hit]:
    return [Hit(item, 1.0 - n / 100) for n, item in enumerate(collection.items())]


def captions(hits: list[Hit]) -> list[str]:
    return [hit.item.caption for hit in hits]


@pytest.fixture
def coloured(collection: Collection, put: Any) -> Collection:
    """Three pictures whose captions in the catalogue say nothing of their colour."""
    put(collection, {1: "first"}, colour="blue")
    put(collection, {2: "second"}, colour="red")
    put(collection, {3: "third"}, colour="green")
    return collection


def test_the_critic_s_captions_decide(
    coloured: Collection, rerank: Any, colour_critic: Any
) -> None:
    critic, told = colour_critic(), []
    reranker = rerank(critic, coloured, told)
    hits = hits_of(coloured)
    for colour, order in (("red", [1, 0, 2]), ("green", [2, 0, 1]), ("yellow", [0, 1, 2])):
        expected = [hits[at] for at in order]
        assert reranker.rerank(Query(text=f"something {colour}"), hits) == expected
    assert critic.seen == [1, 2, 3], "each image was captioned once"
    assert told == []


def test_no_image_is_captioned_twice_by_one_model_and_wording(
    coloured: Collection, rerank: Any, colour_critic: Any
) -> None:
    hits, query = hits_of(coloured), Query(text="red")
    for model, calls in (("a", 3), ("a", 0), ("b", 3), ("a", 0)):
        critic = colour_critic(model)
        reranker = rerank(critic, coloured, [])
        reranker.rerank(query, hits)
        reranker.close()
        reranker.close()
        reranker.rerank(query, hits)
        assert len(critic.seen) == calls


def test_the_captioner_s_id_changes_with_all_that_words_may_depend_on(
    colour_critic: Any,
) -> None:
    plugins = registry()
    scripted = {"critic": {"use": "scripted"}}
    with (
        Session.from_config(scripted, registry=plugins) as one,
        Session.from_config(
            {"critic": {**scripted["critic"], "better": "a"}}, registry=plugins
        ) as other,
        Session.from_config(scripted, registry=plugins) as same,
    ):
        ids = [captioner_id(session.critic) for session in (one, other, same)]
    assert ids[0] == ids[2] != ids[1], "an option of the critic may change its words"
    assert captioner_id(colour_critic("a")) != captioner_id(colour_critic("b"))
    # A critic that says what its captions depend on is believed: other options are its own affair.
    told = [colour_critic("a") for _ in range(2)]
    for number, critic in enumerate(told):
        critic.versions = lambda: {"captions": "model and wording"}
        critic.config = type("Options", (), {"model_dump": lambda self, mode, n=number: {"n": n}})()
    assert captioner_id(told[0]) == captioner_id(told[1])


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    words=st.lists(st.sampled_from(["red", "kite", "owl", "of", "the"]), max_size=6),
    picked=st.lists(st.integers(0, 5), max_size=8),
)
def test_the_result_is_a_permutation_in_the_order_of_a_naive_bm25(
    tmp_path_factory: pytest.TempPathFactory,
    put: Any,
    naive: Any,
    rerank: Any,
    words: list[str],
    picked: list[int],
) -> None:
    with Collection.create(tmp_path_factory.mktemp("pool") / "c") as collection:
        put(collection, ["red kite", "red red owl", "kite", "", "the of", "red kite"])
        items = list(collection.items())
        hits = [Hit(items[n], 0.5 - at / 100) for at, n in enumerate(picked)]
        query = " ".join(words)
        found = rerank(None, collection, [], captions="catalogue").rerank(Query(text=query), hits)
        reference = naive({item.id: item.caption for item in items}, WORDS)
        score = [reference.score(query, reference.counts[hit.item.id]) for hit in hits]
        expected = sorted(range(len(hits)), key=lambda at: (-round(score[at], 12), at))
        assert found == [hits[at] for at in expected]


def test_rarity_is_that_of_the_pool_and_not_of_the_candidates(
    collection: Collection, put: Any, rerank: Any
) -> None:
    # "kite" is common in the pool, though of these two hits one has each word.
    put(collection, ["kite"] * 50 + ["owl"])
    items = {item.caption: item for item in collection.items()}
    kite, owl = Hit(items["kite"], 0.9), Hit(items["owl"], 0.8)
    for query in ("kite owl", "owl kite"):
        ordered = rerank(None, collection, [], captions="catalogue").rerank(
            Query(text=query), [kite, owl]
        )
        assert ordered == [owl, kite]
    many_owls = [owl, *(Hit(item, 0.7) for item in collection.items())]
    again = rerank(None, collection, [], captions="catalogue").rerank(
        Query(text="kite owl"), [kite, *many_owls, owl]
    )
    assert captions(again[:3]) == ["owl"] * 3


def test_a_pool_without_captions_can_be_ranked(
    collection: Collection, put: Any, rerank: Any, colour_critic: Any
) -> None:
    for number, colour in enumerate(("blue", "red")):
        put(collection, {number: ""}, colour=colour)
    hits = hits_of(collection)
    found = rerank(colour_critic(), collection, []).rerank(Query(text="red"), hits)
    assert found == hits[::-1]


def test_where_the_critic_fails_the_catalogue_steps_in_and_says_so(
    coloured: Collection, put: Any, rerank: Any, colour_critic: Any
) -> None:
    put(coloured, {4: "an owl"}, colour="green")
    hits = hits_of(coloured)
    critic, told = colour_critic(fails_on={"green"}), []
    reranker = rerank(critic, coloured, told)
    found = reranker.rerank(Query(text="owl"), hits)
    assert captions(found)[0] == "an owl"
    green = [hit.item.id[:12] for hit in hits if hit.item.caption in ("third", "an owl")]
    assert told == [
        ("rerank", f"use the catalogue's caption of {one}", "no answer about green")
        for one in green
    ]
    # A failure is no caption: it is asked for again, and kept once there is one.
    critic.fails_on = frozenset()
    assert reranker.rerank(Query(text="green"), hits)[0].item.caption == "third"
    assert sorted(critic.seen) == [1, 2, 3, 3, 4, 4]


@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_an_image_that_cannot_be_read_is_ranked_by_the_catalogue(
    coloured: Collection, rerank: Any, colour_critic: Any, damage: str
) -> None:
    hits = hits_of(coloured)
    path = coloured.file(hits[1].item.id)
    path.unlink() if damage == "lost" else path.write_bytes(b"no image")
    critic, told = colour_critic(), []
    found = rerank(critic, coloured, told).rerank(Query(text="second"), hits)
    assert captions(found) == ["second", "first", "third"]
    assert critic.seen == [1, 3]
    assert [line[1] for line in told] == [f"use the catalogue's caption of {hits[1].item.id[:12]}"]


def test_a_wordless_answer_is_not_asked_for_again(
    coloured: Collection, rerank: Any, colour_critic: Any
) -> None:
    critic, told = colour_critic(template="\u202e\x00 "), []
    reranker = rerank(critic, coloured, told)
    for _ in range(2):
        assert captions(reranker.rerank(Query(text="third"), hits_of(coloured)))[0] == "third"
    assert critic.seen == [1, 2, 3]
    assert len(told) == 6
    assert {line[2] for line in told} == {"the critic wrote no words"}


def test_captions_of_a_critic_are_data(
    coloured: Collection, rerank: Any, colour_critic: Any
) -> None:
    hostile = '"; DROP TABLE captions; -- \u202e {} \x00 <|image_1|> NEAR( * ' + "x " * 100_000
    critic = colour_critic(template=hostile.replace("{}", "{0}"))
    reranker = rerank(critic, coloured, [])
    for _ in range(2):
        assert captions(reranker.rerank(Query(text='red" OR *'), hits_of(coloured)))[0] == "second"
    assert len(critic.seen) == 3


def test_private_images_never_reach_a_remote_critic(
    collection: Collection, put: Any, rerank: Any, colour_critic: Any
) -> None:
    put(collection, {1: "an owl"}, colour="red", private=True)
    put(collection, {2: "a kite"}, colour="red")
    hits = hits_of(collection)
    critic, told = colour_critic(remote=True), []
    found = rerank(critic, collection, told).rerank(Query(text="owl"), hits)
    assert captions(found) == ["an owl", "a kite"]
    assert critic.seen == [2]
    [(stage, _, reason)] = told
    assert (stage, "private" in reason) == ("rerank", True)
    local = colour_critic("local")
    rerank(local, collection, []).rerank(Query(text="owl"), hits)
    assert local.seen == [1, 2]


def test_hits_of_other_collections_are_captioned_from_there(
    coloured: Collection, put: Any, rerank: Any, colour_critic: Any, tmp_path: Path
) -> None:
    with Collection.create(tmp_path / "other") as other:
        put(other, {7: "seventh"}, colour="red")
        put(other, {8: "eighth"}, colour="green", private=True)
        hits = [*hits_of(coloured), *hits_of(other)]
        critic, told = colour_critic(), []
        reranker = rerank(critic, coloured, told)
        asked: list[str] = []

        def image(item: Item) -> Image.Image:
            asked.append(item.caption)
            return other.image(item.id)

        reranker.context = replace(reranker.context, images=image)
        found = reranker.rerank(Query(text="green"), hits)
        assert captions(found) == ["third", "eighth", "first", "second", "seventh"]
        assert (critic.seen, asked, told) == ([1, 2, 3, 7, 8], ["seventh", "eighth"], [])
        far = colour_critic("far", remote=True)
        reranker = rerank(far, coloured, told)
        reranker.context = replace(reranker.context, images=image)
        reranker.rerank(Query(text="green"), hits)
        assert far.seen == [1, 2, 3, 7], "the private one stays"


def test_a_critic_that_cannot_caption_is_refused_when_it_is_built(
    coloured: Collection, rerank: Any, colour_critic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    critic = colour_critic()
    critic.abilities = frozenset({"compare"})
    points: list[EntryPoint] = []
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **wanted: points)
    with pytest.raises(CapabilityError, match=r"none is installed \(imagerag-clip has one\)"):
        rerank(critic, coloured, [])
    points.append(EntryPoint("testing", "imagerag.testing.plugin", "imagerag"))
    with pytest.raises(CapabilityError, match=r"ability 'caption' \(it has: compare\)") as caught:
        rerank(critic, coloured, [])
    assert 'captions = "catalogue"' in str(caught.value)
    assert "Critics that can: 'scripted'" in str(caught.value), "installed ones are named"
    rerank(critic, coloured, [], captions="catalogue")
    told: list[Any] = []
    either = rerank(critic, coloured, told, captions="critic-then-catalogue")
    assert captions(either.rerank(Query(text="third"), hits_of(coloured)))[0] == "third"
    [(stage, decision, reason)] = told
    assert (stage, decision) == ("rerank", "use the catalogue's captions")
    assert "ColourCritic" in reason


def test_the_catalogue_s_captions_need_no_critic(coloured: Collection, rerank: Any) -> None:
    reranker = rerank(None, coloured, [], captions="catalogue")
    found = reranker.rerank(Query(text="third"), hits_of(coloured))
    assert captions(found) == ["third", "first", "second"]
    assert reranker.facts().usd_per_picture == 0.0


def test_facts_and_versions_say_whose_captions_and_what_is_unknown(
    coloured: Collection, rerank: Any, colour_critic: Any
) -> None:
    reranker = rerank(colour_critic(remote=True), coloured, [])
    assert reranker.facts().usd_per_picture is None
    assert reranker.versions()["captions"] == "critic"
    first = reranker.versions()["captioner"]
    other = rerank(colour_critic("other"), coloured, [])
    assert other.versions()["captioner"] != first
    assert other.facts().usd_per_picture == 0.0


def test_few_hits_cost_no_caption(coloured: Collection, rerank: Any, colour_critic: Any) -> None:
    critic = colour_critic()
    reranker = rerank(critic, coloured, [])
    assert reranker.rerank(Query(text="red"), []) == []
    only = hits_of(coloured)[:1]
    assert reranker.rerank(Query(text="red"), only) == only
    assert critic.seen == []


def test_pictures_and_runs_without_a_collection_are_refused(
    coloured: Collection, rerank: Any, colour_critic: Any
) -> None:
    hits = hits_of(coloured)
    with pytest.raises(CapabilityError, match="plugins list --role reranker"):
        rerank(colour_critic(), coloured, []).rerank(Query(image=Image.new("RGB", (2, 2))), hits)
    with pytest.raises(CollectionError, match='collection = "NAME"'):
        rerank(colour_critic(), None, []).rerank(Query(text="red"), hits)


def test_hits_keep_their_scores_and_a_repeated_one_its_place(
    coloured: Collection, rerank: Any, colour_critic: Any
) -> None:
    first, second, third = hits_of(coloured)
    again = Hit(second.item, 0.1, "another query")
    found = rerank(colour_critic(), coloured, []).rerank(
        Query(text="red"), [first, again, third, second]
    )
    assert found == [again, second, first, third]


def test_an_item_that_is_gone_is_ranked_by_the_caption_it_had(
    coloured: Collection, rerank: Any, colour_critic: Any
) -> None:
    ghost = Hit(Item("0" * 64, caption="a ghost"), 0.2)
    hits = [*hits_of(coloured), ghost]
    found = rerank(colour_critic(), coloured, []).rerank(Query(text="ghosts"), hits)
    assert found[0] == ghost


def config_of(collection: Collection, **reranker: Any) -> dict[str, Any]:
    return {
        "collection": str(collection.path),
        "critic": {"use": "scripted"},
        "reranker": {"use": "bm25", **reranker},
    }


def test_a_session_builds_it_from_a_configuration(
    coloured: Collection, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    plugins = registry("imagerag_bm25.plugin")
    with Session.from_config(config_of(coloured), registry=plugins) as session:
        assert session.reranker is not None
        hits = hits_of(coloured)
        assert session.reranker.rerank(Query(text="a picture of 2 by 2"), hits) == hits
        assert [call for call, _, _ in session.critic.calls] == ["caption"] * 3
    assert (tmp_path / "home" / "imagerag" / "reranker" / "bm25" / "captions.sqlite").exists()
    with pytest.raises(ConfigError, match="captions"):
        Session.from_config(config_of(coloured, captions="nobody"), registry=plugins)


def test_a_critic_of_its_own_can_be_named_in_its_table(
    coloured: Collection, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    config = config_of(coloured, critic={"use": "scripted", "better": "a"})
    with Session.from_config(config, registry=registry("imagerag_bm25.plugin")) as session:
        assert session.reranker is not None
        session.reranker.rerank(Query(text="picture"), hits_of(coloured))
        assert session.critic.calls == []


def test_progress_is_reported_while_captions_are_written(
    coloured: Collection, rerank: Callable[..., Any], colour_critic: Any
) -> None:
    heard: list[tuple[str, int, int]] = []
    reranker = rerank(colour_critic(), coloured, [])
    object.__setattr__(reranker.context, "progress", lambda *line: heard.append(line))
    reranker.rerank(Query(text="red"), hits_of(coloured))
    assert heard == [("caption", n, 3) for n in (1, 2, 3)]
