"""Whole runs through the core: the preset's loop, the user's images, edits, replay."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import imagerag_omnigen
from imagerag import ImageRAG, replay
from imagerag.collection import Collection
from imagerag.roles import Found
from imagerag.testing import registry
from imagerag.values import Reference

OMNIGEN = "imagerag_omnigen.plugin"
PROMPT = "a quokka with a top hat and a bow tie"
CAPTIONS = ("a photo of quokka", "a photo of top hat", "a photo of bow tie", "a photo of a lake")


@pytest.fixture(scope="module")
def pool(tmp_path_factory, shown):
    """A collection of four captioned pictures."""
    folder = tmp_path_factory.mktemp("pool")
    files = []
    for caption, reference in zip(CAPTIONS, shown, strict=True):
        file = folder / f"{caption}.png"
        reference.image.save(file)
        files.append(Found(file.name, file, caption=caption, licence="CC0-1.0"))
    with Collection.create(folder / "collection", "pool") as collection:
        collection.add(files)
    return folder / "collection"


@pytest.fixture
def rag(tiny, pool):
    """Build the preset with a tiny OmniGen, and doubles for the other models."""
    preset = Path(imagerag_omnigen.__file__).parent / "presets/paper-omnigen.toml"
    values = tomllib.loads(preset.read_text(encoding="utf-8"))
    small = {"model": str(tiny), "steps": 2, "size": [64, 64], "device": "cpu"}
    opened = []

    def build(*plugins, **tables):
        config = {
            **values,
            "collection": str(pool),
            "generator": {**values["generator"], **small},
            "critic": {"use": "scripted", "answers": ["missing: quokka, top hat, bow tie"]},
            "encoder": {"use": "hashing"},
            "retriever": {"use": "memory"},
            **tables,
        }
        opened.append(
            ImageRAG.from_config(config, registry=registry(OMNIGEN, *plugins), progress=False)
        )
        return opened[-1]

    yield build
    for one in opened:
        one.close()


def decisions(run, stage):
    return [line.decision for line in run.decisions if line.stage == stage]


def test_the_papers_loop_shows_one_image_for_each_of_three_concepts(rag):
    run = rag().generate(PROMPT)
    (again,) = run.rounds
    assert run.drafted.prompt == PROMPT
    assert again.painted.prompt == (
        "According to these images of a photo of a quokka: <img><|image_1|></img>, a photo of a "
        "top hat: <img><|image_2|></img>, a photo of a bow tie: <img><|image_3|></img>, "
        f"generate {PROMPT}"
    )
    assert [used.concept for used in again.painted.references] == ["quokka", "top hat", "bow tie"]
    assert (run.kept, run.seed, run.drafted.seed, again.painted.seed) == ("result", 0, 0, 0)
    assert run.draft.tobytes() != run.result.tobytes()
    assert run.versions["generator.pipeline"] == "OmniGenPipeline"
    assert run.versions["conditioner.template"].startswith("According to these images of")


def test_the_users_images_come_first_and_retrieval_fills_what_room_is_left(rag, shown):
    mine = Reference(shown[3].image, "my own quokka", "user")
    run = rag().generate(PROMPT, images=[mine])
    used = run.rounds[0].painted
    assert run.drafted.prompt.startswith("According to these images of my own quokka: <img>")
    assert [reference.origin for reference in used.references] == ["user", *["retrieved"] * 2]
    assert used.prompt.count("<img>") == 3
    assert "use 3 references" in decisions(run, "condition"), "what is left out is recorded"


def test_a_run_is_replayed_pixel_for_pixel(rag):
    run = rag().generate(PROMPT, seed=5)
    assert replay(run, registry=registry(OMNIGEN)).identical


def test_grape_edits_with_it(rag):
    """Painter and editor are one; each edit is the picture and an instruction."""
    pytest.importorskip("imagerag_grape")
    painter = rag().session.settings.generator
    edits = ["add a top hat", "make the bow tie red"]
    one = rag(
        "imagerag_grape.plugin",
        generator={"use": "grape", "painter": dict(painter)},
        conditioner={"use": "grape"},
        critic={"use": "scripted", "edits": edits},
        loop={"gate": "never"},
    )
    run = one.generate(PROMPT)
    done = [line for line in decisions(run, "generate") if line.startswith("edit ")]
    assert [line.partition(": ")[2] for line in done] == [repr(edit) for edit in edits]
    plain = rag(loop={"gate": "never"}).generate(PROMPT)
    assert run.image.size == plain.image.size == (64, 64)
    assert run.image.tobytes() != plain.image.tobytes()
