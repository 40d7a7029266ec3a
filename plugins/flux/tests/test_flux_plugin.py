"""What the distribution offers, what importing it costs, and the preset from beginning to end."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import imagerag_flux
from imagerag import ImageRAG
from imagerag.collection import Collection
from imagerag.roles import Found
from imagerag.testing import registry
from imagerag_diffusers.testing import two_tone
from imagerag_flux import plugin, published
from imagerag_torch import is_commit

HEAVY = ("torch", "diffusers", "transformers", "numpy", "PIL.Image")


def offers():
    return [*plugin.imagerag_generators(), *plugin.imagerag_conditioners()]


def named(target):
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def test_importing_the_plugin_and_its_classes_imports_no_model_library():
    code = (
        "import sys, importlib\n"
        "from imagerag_flux import plugin\n"
        "for offer in [*plugin.imagerag_generators(), *plugin.imagerag_conditioners()]:\n"
        "    kind, config = (\n"
        "        getattr(importlib.import_module(t.split(':')[0]), t.split(':')[1])\n"
        "        for t in (offer.target, offer.config)\n"
        "    )\n"
        "    made = kind(config(), None)\n"
        "    made.facts(), made.versions(), made.close()\n"
        "    hasattr(made, 'capability') and made.capability()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_every_offer_names_a_class_and_its_configuration():
    names = ["flux", "flux-kontext", "flux-redux", "flux2-klein"]
    assert [offer.name for offer in plugin.imagerag_generators()] == names
    assert [offer.name for offer in plugin.imagerag_conditioners()] == [*names[:3], "flux2"]
    for offer in offers():
        assert isinstance(named(offer.target), type)
        named(offer.config)()


def test_every_generator_declares_what_its_default_is():
    expected = {
        "flux": ("diffusers.FluxPipeline", "Apache-2.0", True, 36.2),
        "flux-kontext": ("diffusers.FluxKontextPipeline", published.NON_COMMERCIAL, False, None),
        "flux-redux": (
            "diffusers.FluxPriorReduxPipeline and diffusers.FluxPipeline",
            published.NON_COMMERCIAL,
            False,
            None,
        ),
        "flux2-klein": ("diffusers.Flux2KleinPipeline", "Apache-2.0", True, 20.0),
    }
    for offer in plugin.imagerag_generators():
        made = named(offer.target)(named(offer.config)(), None)
        assert made.name == offer.name
        facts, ability = made.facts(), made.capability()
        found = (facts.implementation, facts.licence, facts.commercial, facts.memory_gb)
        assert found == expected[offer.name]
        assert is_commit(facts.revision)
        assert facts.usd_per_picture == 0.0
        assert "not run" in facts.proven
        assert (1024, 1024) in ability.sizes
        assert ability.steps == made.config.steps


def test_published_weights_are_pinned_with_their_licence():
    for catalogue in (
        published.FLUX_1,
        published.KONTEXT_1,
        published.REDUX_1,
        published.KLEIN_2,
    ):
        for found in catalogue.values():
            assert is_commit(found.revision)
            assert found.licence
            assert found.gated or found.commercial, "what is free of terms is not gated"
            assert all(side % 16 == 0 for size in found.sizes for side in size)


@pytest.mark.parametrize("model", [published.SCHNELL, published.DEV])
def test_a_gated_model_says_what_has_to_be_done_first(makers, say, monkeypatch, model):
    from imagerag.errors import WeightsError

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"hf download .*is gated.*accepted.*HF_TOKEN"):
        makers["flux"](fresh=True, model=model).generate([say("a cat")])


def preset():
    (offered,) = plugin.imagerag_presets()
    package, _, inside = offered.resource.partition(":")
    assert package == "imagerag_flux"
    return (Path(imagerag_flux.__file__).parent / inside).read_text(encoding="utf-8")


def test_every_line_of_the_preset_is_explained():
    lines = preset().splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if "=" in line and not line.startswith("#"):
            assert before.startswith("#"), line


def test_the_preset_holds_the_papers_loop():
    found = tomllib.loads(preset())
    assert found["critic"] == {"use": "openai", "model": "gpt-4o-2024-08-06", "calls": "three"}
    assert found["encoder"]["model"] == "timm/vit_base_patch32_clip_224.openai"
    loop = found["loop"]
    assert (loop["concepts"], loop["images_per_concept"], loop["max_references"]) == (1, 1, 1)
    assert (loop["gate"], loop["query"], loop["keep"]) == ("draft", "caption", "last")
    assert (found["seed"], loop["retries"]) == (0, 3)


@pytest.fixture
def pool(tmp_path):
    """A collection of two captioned pictures."""
    found = []
    for name, ground in (("red", "white"), ("blue", "green")):
        file = tmp_path / f"{name}.png"
        two_tone(ground, name, (96, 64)).save(file)
        found.append(Found(file.name, file, caption=f"a photo of a {name} ball"))
    with Collection.create(tmp_path / "pool", "pool") as collection:
        collection.add(found)
    return tmp_path / "pool"


@pytest.fixture
def paint(pool):
    """Take a prompt through a configuration on tiny models, with the core's doubles around them."""

    def run(config, **generator):
        config = config | {
            "collection": str(pool),
            "critic": {"use": "scripted", "answers": ["missing: red ball, blue ball"]},
            "encoder": {"use": "hashing"},
            "retriever": {"use": "memory"},
        }
        config["generator"] = config["generator"] | generator
        with ImageRAG.from_config(config, registry=registry("imagerag_flux.plugin")) as rag:
            return rag.generate("a hedgehog with a ball")

    return run


def test_the_preset_paints_from_beginning_to_end(makers, paint):
    tiny = makers["flux-kontext"].defaults | {"size": [64, 64]}
    run = paint(tomllib.loads(preset()), **tiny)
    assert run.kept == "result"
    assert run.draft.tobytes() != run.result.tobytes()
    assert [reference.caption for reference in run.references] == ["a photo of a red ball"]
    (round_,) = run.rounds
    assert run.drafted.prompt == "a hedgehog with a ball"
    assert round_.painted.prompt == (
        "According to this image of a photo of a red ball, generate a hedgehog with a ball"
    )
    assert (run.seed, round_.painted.seed) == (0, 0)


def test_more_references_than_kontext_takes_are_a_recorded_cut(makers, paint):
    config = tomllib.loads(preset())
    config["loop"] |= {"concepts": 2, "max_references": 4}
    tiny = makers["flux-kontext"].defaults | {"size": [64, 64]}
    run = paint(config, **tiny)
    assert len(run.references) == 1
    cut = [line for line in run.decisions if line.stage == "condition"]
    assert [line.decision for line in cut] == ["use 1 references"]
    assert "the generator allows 1" in cut[0].reason


def test_klein_shows_every_concept_its_own_image(makers, paint):
    config = tomllib.loads(preset())
    config["generator"] = {"use": "flux2-klein"}
    config["conditioner"] = {"use": "flux2"}
    config["loop"] |= {"concepts": 2, "max_references": 4}
    tiny = makers["flux2-klein"].defaults | {"size": [64, 64], "max_tokens": 200}
    run = paint(config, **tiny)
    assert run.rounds[0].painted.prompt == (
        "According to image 1 of a photo of a red ball, image 2 of a photo of a blue ball, "
        "generate a hedgehog with a ball"
    )
    assert len(run.references) == 2
    assert run.draft.tobytes() != run.result.tobytes()
