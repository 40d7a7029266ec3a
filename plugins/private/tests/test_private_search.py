"""Private collections are searched first, by those who may, and hits know where they come from."""

from __future__ import annotations

import pytest

from imagerag import Collection, ImageRAG, Query, Run, replay
from imagerag.errors import CollectionError, ConfigError
from imagerag.testing.suites.workshop import registry_with

for needed in ("imagerag_sandbox", "imagerag_clip", "imagerag_usearch", "imagerag_openai"):
    pytest.importorskip(needed)

FAR = 0.5
"""Between the sandbox's cosines of texts and pictures of the thing and of other things."""

HEDGEHOG, SHIP, ROSE = (Query(text=f"a {name}") for name in ("hedgehog", "ship", "rose"))


def look(session, *queries, k=3, where=None):
    session.privacy.sync()
    return session.retriever.search(list(queries), k, where)


def told(session):
    return [f"{d.decision}: {d.reason}" for d in session.account.decisions]


@pytest.fixture
def three(fill):
    """A general pool, and two private collections."""
    return {
        "general": fill("general", ["hedgehog", "ship", "rose", "taxi"]),
        "family": fill("family", ["hedgehog", "cat"], which=1),
        "studio": fill("studio", ["ship", "hedgehog"], which=2),
    }


def test_what_is_close_in_a_private_collection_comes_from_there(three, config, start):
    session = start(config("family", "studio", min_score=FAR))
    [hits] = look(session, HEDGEHOG)
    assert {hit.item.id for hit in hits} == {
        three["family"]["hedgehog"],
        three["studio"]["hedgehog"],
    }
    assert all(hit.item.private for hit in hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    [line] = told(session)
    assert line.startswith("use private images for 'a hedgehog': 2 of ")
    assert line.endswith(f"score at least min_score = {FAR}")


def test_the_pool_is_asked_only_for_what_is_not_close(three, config, start):
    session = start(config("family", min_score=FAR))
    hedgehog, rose = look(session, HEDGEHOG, ROSE)
    assert [hit.item.id for hit in hedgehog] == [three["family"]["hedgehog"]]
    assert rose[0].item.id == three["general"]["rose"]
    assert not any(hit.item.private for hit in rose)
    assert len(rose) == 3
    use, ask = told(session)
    assert use.startswith("use private images for 'a hedgehog'")
    assert ask.startswith("ask the general pool for 'a rose': the best private one scores ")
    assert ask.endswith(f"below {FAR}")


def test_without_private_collections_the_pool_is_all_there_is(three, config, start):
    session = start(config(min_score=FAR))
    [hits] = look(session, HEDGEHOG)
    assert hits[0].item.id == three["general"]["hedgehog"]
    assert told(session) == []


def test_a_filter_sees_private_items_as_private(three, config, start):
    session = start(config("family", "studio", min_score=FAR))
    [public] = look(session, HEDGEHOG, where=lambda item: not item.private)
    assert public[0].item.id == three["general"]["hedgehog"]
    [of_studio] = look(session, HEDGEHOG, where=lambda item: item.creator == "of studio")
    assert [hit.item.id for hit in of_studio] == [three["studio"]["hedgehog"]]


def test_pictures_are_read_from_the_collection_that_holds_them(three, config, start, home):
    session = start(config("family", "studio", min_score=FAR))
    for name, query in (("family", HEDGEHOG), ("studio", SHIP), ("general", ROSE)):
        [hits] = look(session, query, where=lambda item, name=name: item.creator == f"of {name}")
        with Collection.open(home / "collections" / name) as held:
            assert session.retriever.image(hits[0].item).tobytes() == (
                held.image(hits[0].item.id).tobytes()
            )


def test_what_is_added_and_removed_meanwhile_counts(three, config, start, home, pictures):
    session = start(config("family", min_score=FAR))
    look(session, HEDGEHOG)
    with Collection.open(home / "collections" / "family") as family:
        family.remove([three["family"]["hedgehog"]])
    [hits] = look(session, HEDGEHOG)
    assert hits[0].item.id == three["general"]["hedgehog"]


def test_a_pool_that_is_a_private_collection_too_is_private(three, config, start):
    session = start(config("general", min_score=FAR))
    [hits] = look(session, HEDGEHOG)
    assert [hit.item.id for hit in hits] == [three["general"]["hedgehog"]]
    assert hits[0].item.private
    assert look(session, Query(text="a penguin")) == [[]]


def test_a_picture_is_searched_for_as_well(three, config, start, pictures):
    session = start(config("family", min_score=FAR))
    from imagerag.collection import open_image

    [hits] = look(session, Query(image=open_image(pictures["hedgehog"][1][0])))
    assert hits[0].item.id == three["family"]["hedgehog"]
    assert told(session)[0].startswith("use private images for a picture")


STUDIO = {"name": "studio", "readers": ["ann", "ben"]}


@pytest.mark.parametrize("reader", [None, "carl", "Ann"])
def test_a_collection_for_others_refuses_the_run(three, config, start, reader):
    session = start(config("family", STUDIO, **({"reader": reader} if reader else {})))
    with pytest.raises(ConfigError, match=r"'studio' is for ann, ben.*IMAGERAG_READER"):
        session.check()
    with pytest.raises(ConfigError, match="'studio'"):
        look(session, SHIP)


def test_a_reader_is_named_by_option_or_by_environment(three, config, start, monkeypatch):
    by_option = start(config(STUDIO, reader="ben", min_score=FAR))
    assert look(by_option, SHIP)[0][0].item.id == three["studio"]["ship"]
    monkeypatch.setenv("IMAGERAG_READER", "ann")
    by_environment = start(config(STUDIO, min_score=FAR))
    assert look(by_environment, SHIP)[0][0].item.id == three["studio"]["ship"]
    wrong_option = start(config(STUDIO, reader="carl"))
    with pytest.raises(ConfigError, match="'carl'"):
        look(wrong_option, SHIP)


def test_a_run_may_go_on_without_what_is_for_others(three, config, start):
    session = start(config("family", STUDIO, unreadable="skip", reader="carl", min_score=FAR))
    session.check()
    [hits] = look(session, SHIP)
    assert hits[0].item.id == three["general"]["ship"]
    assert told(session)[0] == "leave the collections 'studio' out: not for 'carl'"
    assert session.retriever.item(three["studio"]["ship"]) is None


def test_a_collection_that_is_not_there_is_named_before_anything_is_painted(three, config, start):
    session = start(config("famly"))
    with pytest.raises(CollectionError, match=r"famly.*Did you mean 'family'"):
        session.check()


def test_there_has_to_be_something_to_search_with(config, start, three):
    session = start({**config("family"), "retriever": {"use": "private"}})
    with pytest.raises(ConfigError, match=r"\[retriever.retriever\]"):
        _ = session.retriever


def test_a_search_before_a_sync_is_refused(three, config, start):
    session = start(config("family"))
    with pytest.raises(CollectionError, match="imagerag index"):
        session.retriever.search([HEDGEHOG], 1)


def painted(values):
    values = {**values, "loop": {"gate": "always", "keep": "last", "query": "concept"}}
    with ImageRAG.from_config(values, registry=registry_with(), progress=False) as rag:
        return rag.generate("a hedgehog on a green background", seed=1)


def test_a_run_uses_private_references_and_replays(three, config):
    run = painted(config("family", min_score=0.2))
    [used] = run.kept_painting.references
    assert used.digest == three["family"]["hedgehog"]
    assert used.private
    again = replay(Run.from_json(run.to_json()), registry=registry_with())
    assert again.identical


def test_a_replay_without_the_collection_names_what_is_lost(three, config, home):
    from imagerag.errors import RecordError

    run = painted(config("family", min_score=0.2))
    with Collection.open(home / "collections" / "family") as family:
        family.remove([three["family"]["hedgehog"]])
    with pytest.raises(RecordError, match="no longer"):
        replay(Run.from_json(run.to_json()), registry=registry_with())


def test_beside_a_remote_component_no_private_collection_is_searched(three, config):
    others = {"critic": {"use": "openai", "model": "gpt-4o-mini", "base_url": "http://127.0.0.1:9"}}
    values = config("family", "studio", min_score=FAR, others=others)
    from imagerag import Session

    with Session.from_config(values, registry=registry_with()) as session:
        [hits] = look(session, HEDGEHOG)
        assert hits[0].item.id == three["general"]["hedgehog"]
        line, *_ = told(session)
        assert line == (
            "leave private collections out: 4 images of 'family', 'studio'; remote components are "
            "not allowed to see them: openai"
        )
    allowed = {**values, "loop": {"allow_remote": ["openai"]}}
    with Session.from_config(allowed, registry=registry_with()) as session:
        [hits] = look(session, HEDGEHOG)
        assert all(hit.item.private for hit in hits)


def test_info_tells_of_every_collection(three, config, start):
    session = start(config("family", STUDIO, unreadable="skip"))
    lines = session.retriever.info(session.collection)
    assert lines["private family"] == "2 images"
    assert not [key for key in lines if "usearch" in key]
    assert lines["private studio"] == "not for nobody by name"


def test_info_tells_the_state_of_every_index(three, config, start, home):
    session = start(config("family"))
    look(session, HEDGEHOG)
    with Collection.open(home / "collections" / "family") as family:
        family.remove([three["family"]["cat"]])
    lines = session.retriever.info(session.collection)
    state = {key.partition(" in ")[0]: text for key, text in lines.items()}
    assert state["private family"] == "1 images"
    assert "2 vectors" in state["private family, usearch"]
    assert state["private family, usearch"].endswith("1 changes behind")
    assert "4 vectors" in state["usearch"]
    assert state["usearch"].endswith("up to date")


@pytest.mark.parametrize(
    "inside",
    [
        {"use": "usearch", "threads": 1},
        {"use": "union", "of": [{"use": "usearch", "threads": 1}, {"use": "bm25"}]},
    ],
    ids=["usearch", "union"],
)
def test_every_index_stays_open_from_search_to_search(three, config, start, monkeypatch, inside):
    pytest.importorskip("imagerag_bm25")
    from imagerag_bm25.store import CaptionStore
    from imagerag_vectors.store import VectorStore

    values = config("family", "studio", retriever=inside, min_score=1e9)
    session = start(values)
    first = look(session, HEDGEHOG, SHIP)
    assert first[0][0].item.id == three["general"]["hedgehog"]
    opened = []
    for kind in (VectorStore, CaptionStore):
        load = kind.load
        monkeypatch.setattr(
            kind, "load", lambda *given, load=load: (opened.append(given), load(*given))[1]
        )
    for _ in range(3):
        assert look(session, HEDGEHOG, SHIP) == first
    assert opened == []
    assert session.retriever.compares == ("own" if inside["use"] == "union" else "images")
    session.retriever.close()
    assert look(session, HEDGEHOG, SHIP) == first
    assert len(opened) == (4 if inside["use"] == "union" else 2), "the pool's is the session's"
