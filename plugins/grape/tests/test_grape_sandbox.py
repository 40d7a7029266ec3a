"""With real models: the sandbox's SDXL paints, its CLIP critic plans, an editor's double edits."""

from __future__ import annotations

import pytest

from imagerag import ImageRAG, replay
from imagerag.config import read_settings
from imagerag.testing import registry

pytest.importorskip("imagerag_sandbox")
pytest.importorskip("imagerag_sdxl")
pytest.importorskip("imagerag_clip")

PROMPT = "a hedgehog on a green background"


@pytest.fixture(scope="module")
def world(plugins):
    """The sandbox's plugins beside the doubles, and its own settings."""
    names = ("sdxl", "clip", "usearch", "sandbox")
    both = registry(
        "imagerag_grape.plugin",
        "grape_doubles.plugin",
        *(f"imagerag_{name}.plugin" for name in names),
    )
    settings, _ = read_settings("sandbox", both)
    return both, settings


@pytest.fixture(scope="module")
def run(world):
    """One run, and what its editor was given."""
    plugins, settings = world
    values = {
        "generator": {
            "use": "grape",
            "painter": dict(settings.generator),
            "editor": {"use": "patching", "max_references": 1, "abilities": ["in-context"]},
        },
        "conditioner": {"use": "grape", "painter": dict(settings.conditioner)},
        "critic": dict(settings.critic),
        "loop": {"gate": "never"},
    }
    with ImageRAG.from_config(values, registry=plugins, progress=False) as rag:
        run = rag.generate(PROMPT, seed=1)
        yield run, rag.session.generator


def test_what_the_critic_misses_is_what_the_editor_is_asked_for(run, told):
    done, generator = run
    prompts = [guidance.prompt for call in generator.editor.calls for guidance in call]
    assert prompts == ["add a hedgehog"]
    assert "edit 1 of 1: 'add a hedgehog'" in told(done)[1]
    assert done.image.size == (256, 256)


def test_the_picture_is_the_painter_s_but_for_the_edit(run):
    done, generator = run
    [[edit]] = generator.editor.calls
    painted = edit.references[0].image
    assert painted.size == (256, 256)
    assert len(painted.getcolors(1 << 16)) > 100, "a picture, not a blank"
    same = sum(a == b for a, b in zip(painted.tobytes(), done.image.tobytes(), strict=True))
    assert 0.7 < same / len(painted.tobytes()) < 1


def test_the_record_names_what_painted_and_planned(run):
    done, _ = run
    assert done.versions["generator.painter[0].model"] == "package:imagerag_sandbox/data/sdxl"
    assert done.versions["generator.painter[0].revision"].startswith("sha256:")
    assert done.config["conditioner"]["painter"]["use"] == "sdxl"


def test_the_run_is_replayed_pixel_for_pixel(run, world):
    assert replay(run[0], registry=world[0]).identical
