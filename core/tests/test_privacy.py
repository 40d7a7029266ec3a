"""Private images never reach a component that says it is remote, unless the user names it."""

from __future__ import annotations

import pytest

from imagerag import ImageRAG
from imagerag.errors import CapabilityError

PROMPT = "a hedgehog on a green background"


@pytest.fixture
def mixed(more_pools):
    """A collection with a private hedgehog and a public axolotl."""
    more_pools("pool", ["a photo of a axolotl"])
    return more_pools("pool", ["a photo of a hedgehog"], private=True)


def run_with(plugins, settings, generator="watchful", encoder="hashing", **loop):
    values = {
        **settings(**loop),
        "generator": {"use": generator},
        "encoder": {"use": encoder},
    }
    with ImageRAG.from_config(values, registry=plugins, progress=False) as one:
        run = one.generate(PROMPT)
        sent = getattr(one.session.encoder, "sent", [])
        return run, one.session.generator.guidances, sent


def test_private_images_are_used_where_all_is_local(plugins, settings, mixed):
    run, _, _ = run_with(plugins, settings)
    assert [r.digest for r in run.references] == [mixed["a photo of a hedgehog"]]


@pytest.mark.parametrize("generator", ["away", "sly"])
def test_a_remote_generator_never_sees_private_images(plugins, settings, mixed, generator, reasons):
    run, guidances, _ = run_with(plugins, settings, generator)
    given = {r.digest for g in guidances for r in g.references}
    assert given == {mixed["a photo of a axolotl"]}
    assert reasons(run, "retrieve") == [
        "leave private images out: 1 that came up; remote components are not allowed to see them: "
        + generator
    ]


def test_a_remote_generator_sees_what_is_allowed_by_name(plugins, settings, mixed):
    run, _, _ = run_with(plugins, settings, "away", allow_remote=["away"])
    assert [r.digest for r in run.references] == [mixed["a photo of a hedgehog"]]


@pytest.fixture
def forged(plugins, settings, mixed, tmp_path):
    """A record that names a remote generator and, as its reference, a private image."""
    import json

    from imagerag import Run

    run, _, _ = run_with(plugins, settings, "away")
    text = json.dumps(run.to_json())
    text = text.replace(mixed["a photo of a axolotl"], mixed["a photo of a hedgehog"])
    values = json.loads(text)
    values["config"]["loop"]["allow_remote"] = ["away"]
    return Run.from_json(values)


def test_a_record_cannot_call_a_remote_component_by_itself(forged, plugins, acme):
    from imagerag import replay

    acme.AwayGenerator.built = 0
    with pytest.raises(CapabilityError, match=r"'away' is remote.*--allow-remote away"):
        replay(forged, registry=plugins)
    assert acme.AwayGenerator.built == 0


def test_a_record_cannot_send_a_private_image_away(forged, plugins):
    from imagerag import replay
    from imagerag.errors import RecordError

    with pytest.raises(RecordError, match="private"):
        replay(forged, registry=plugins, allow_remote=["away"])


def test_a_remote_component_is_replayed_when_named(plugins, settings, mixed):
    from imagerag import replay

    run, _, _ = run_with(plugins, settings, "away")
    assert replay(run, registry=plugins, allow_remote=["away"]).identical


def test_a_remote_encoder_is_refused_a_collection_with_private_images(
    plugins, settings, mixed, acme
):
    with pytest.raises(CapabilityError, match=r"private images.*'away'.*allow_remote"):
        run_with(plugins, settings, encoder="away")


def test_a_remote_encoder_may_index_public_images(plugins, settings, pool):
    run, _, sent = run_with(plugins, settings, encoder="away")
    assert run.references
    assert "a photo of a hedgehog" in sent


def test_a_remote_encoder_may_index_private_images_when_named(plugins, settings, mixed):
    run, _, _ = run_with(plugins, settings, encoder="away", allow_remote=["away"])
    assert [r.digest for r in run.references] == [mixed["a photo of a hedgehog"]]


def test_a_remote_conditioner_never_sees_private_images(plugins, settings, mixed, reasons):
    values = {**settings(), "conditioner": {"use": "away"}}
    with ImageRAG.from_config(values, registry=plugins, progress=False) as one:
        run = one.generate(PROMPT)
        assert one.session.conditioner.sent == [mixed["a photo of a axolotl"]]
    assert reasons(run, "retrieve") == [
        "leave private images out: 1 that came up; remote components are not allowed to see them: "
        "away"
    ]


@pytest.fixture
def private_file(mixed, home):
    """The file of the private hedgehog."""
    from imagerag import Collection

    with Collection.open(home / "collections" / "pool") as collection:
        return collection.file(mixed["a photo of a hedgehog"])


@pytest.mark.parametrize("gate", ["draft", "never"])
def test_a_private_image_that_is_given_by_hand_is_refused_where_it_would_leave(
    plugins, settings, private_file, gate
):
    values = {**settings(gate=gate), "generator": {"use": "away"}}
    with ImageRAG.from_config(values, registry=plugins, progress=False) as one:
        with pytest.raises(CapabilityError, match=r"given is a private one.*'pool'.*'away'"):
            one.generate(PROMPT, images=[private_file])
        assert one.session.generator.guidances == []


def test_an_image_of_nobodys_may_be_given_to_a_remote_generator(plugins, settings, mixed, tmp_path):
    from PIL import Image

    Image.new("RGB", (5, 5), "red").save(tmp_path / "own.png")
    values = {**settings(), "generator": {"use": "away"}}
    with ImageRAG.from_config(values, registry=plugins, progress=False) as one:
        run = one.generate(PROMPT, images=[tmp_path / "own.png"])
    assert run.kept_painting.references[0].origin == "user"


def test_nothing_is_recorded_where_nothing_private_was_held_back(plugins, settings, pool, reasons):
    run, _, _ = run_with(plugins, settings, "away")
    assert run.references
    assert reasons(run, "retrieve") == []


def test_the_names_of_others_allow_nothing(plugins, settings, mixed):
    run, _, _ = run_with(plugins, settings, "away", allow_remote=["awa", "away@acme", ""])
    assert [r.digest for r in run.references] == [mixed["a photo of a axolotl"]]


@pytest.mark.parametrize("listing", ["open", "hidden", "refused"])
def test_a_guarded_collection_gives_no_private_pixels(mixed, home, listing):
    import numpy as np

    from imagerag import Collection
    from imagerag.guarded import GuardedCollection

    secret, public = mixed["a photo of a hedgehog"], mixed["a photo of a axolotl"]
    with Collection.open(home / "collections" / "pool") as collection:
        guarded = GuardedCollection(collection, ["away"], listing)
        collection.put_vectors("s", [secret, public], np.eye(2, dtype=np.float32))
        assert guarded.image(public).size == collection.image(public).size
        assert set(guarded.vectors("s", [secret, public])) == {public}
        for reading in (guarded.image, guarded.file):
            with pytest.raises(CapabilityError, match="'away'"):
                reading(secret)
        if listing == "open":
            assert guarded.has(secret) and len(list(guarded.items())) == 2
            assert guarded.stats().private == 1
        else:
            assert not guarded.has(secret) and guarded.lookup([secret]) == {}
            assert guarded.matching(secret[:8]) == []
            with pytest.raises(CapabilityError):
                guarded.stats()
        if listing == "hidden":
            assert [item.id for item in guarded.items()] == [public]
            assert [change.id for change in guarded.changes(0) if change.item] == [public]
        if listing == "refused":
            for reading in (guarded.items, lambda: guarded.changes(0)):
                with pytest.raises(CapabilityError):
                    list(reading())
        guarded.close()
        assert collection.has(secret)


def test_a_private_image_given_by_hand_stays_private_when_it_was_removed(
    plugins, settings, private_file, mixed, home, tmp_path
):
    """What a run used as private is private in its record, whatever became of the item since."""
    from imagerag import Collection, Run, replay
    from imagerag.errors import RecordError

    mine = tmp_path / "mine.png"
    mine.write_bytes(private_file.read_bytes())
    values = settings(gate="never")
    with ImageRAG.from_config(values, registry=plugins, progress=False) as one:
        run = one.generate(PROMPT, images=[mine])
    [used] = run.kept_painting.references
    assert (used.origin, used.private) == ("user", True)
    with Collection.open(home / "collections" / "pool") as collection:
        collection.remove([mixed["a photo of a hedgehog"]])
    record = run.to_json()
    record["config"]["generator"]["use"] = "away"
    with pytest.raises(RecordError, match="private"):
        replay(Run.from_json(record), images=[mine], registry=plugins, allow_remote=["away"])
