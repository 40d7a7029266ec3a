"""What the distribution offers, what importing it costs, and a run as a baseline."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

import imagerag_pixart
from imagerag import ImageRAG
from imagerag.errors import CapabilityError
from imagerag.testing import registry
from imagerag.values import Capability
from imagerag_diffusers.testing import references
from imagerag_pixart import plugin
from imagerag_pixart.conditioner import PixArtConditioner
from imagerag_pixart.config import PixArtConditionerConfig

HEAVY = ("torch", "diffusers", "transformers", "numpy", "PIL.Image")


def test_importing_the_plugin_and_its_classes_imports_no_model_library():
    code = (
        "import sys, imagerag_pixart.plugin, imagerag_pixart.config, imagerag_pixart.conditioner\n"
        "from imagerag_pixart.generator import PixArtSigmaGenerator\n"
        "g = PixArtSigmaGenerator(imagerag_pixart.config.PixArtSigmaConfig(), None)\n"
        "g.capability(), g.facts(), g.close()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_every_offer_names_a_class_and_its_configuration():
    offers = [*plugin.imagerag_generators(), *plugin.imagerag_conditioners()]
    assert [offer.name for offer in offers] == ["pixart-alpha", "pixart-sigma", "pixart"]
    for offer in offers:
        for target in (offer.target, offer.config):
            module, _, name = target.partition(":")
            assert isinstance(getattr(importlib.import_module(module), name), type)


def test_the_generators_are_what_their_offers_call_them():
    for offer in plugin.imagerag_generators():
        module, _, name = offer.target.partition(":")
        assert getattr(importlib.import_module(module), name).name == offer.name


def condition(prompt, shown=(), **options):
    conditioner = PixArtConditioner(PixArtConditionerConfig(**options), None)
    ability = Capability(frozenset({"text"}))
    return conditioner.condition(prompt, shown, ability, seed=5, size=(64, 48))


def test_the_conditioner_passes_the_prompt_on():
    guidance = condition("a hedgehog, {caption}", negative_prompt="blue")
    assert guidance.prompt == "a hedgehog, {caption}"
    assert (guidance.seed, guidance.width, guidance.height) == (5, 64, 48)
    assert guidance.negative_prompt == "blue"
    assert condition("a hedgehog").negative_prompt is None


def test_the_conditioner_has_no_words_for_references():
    with pytest.raises(CapabilityError, match=r"2 references.*loop\.gate = 'never'"):
        condition("a hedgehog", references(2))


def preset():
    (offered,) = plugin.imagerag_presets()
    package, _, inside = offered.resource.partition(":")
    assert package == "imagerag_pixart"
    return (Path(imagerag_pixart.__file__).parent / inside).read_text(encoding="utf-8")


def test_every_line_of_the_preset_is_explained():
    lines = preset().splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if "=" in line and not line.startswith("#"):
            assert before.startswith("#"), line


def test_the_preset_paints_a_baseline_from_beginning_to_end(published):
    config = tomllib.loads(preset())
    config["generator"] |= {"model": str(published["sigma"]), "size": [64, 64], "steps": 2}
    with ImageRAG.from_config(config, registry=registry("imagerag_pixart.plugin")) as rag:
        run = rag.generate("a hedgehog on a green background", seed=3)
        guidance = condition("a hedgehog on a green background")
        (plain,) = rag.session.generator.generate([replace(guidance, seed=3, width=64, height=64)])
        (by_config,) = rag.session.generator.generate(
            [replace(guidance, seed=3, width=None, height=None)]
        )
    assert run.kept == "draft"
    assert run.image.tobytes() == plain.tobytes() == by_config.tobytes()
    assert ("gate", "gate = 'never'") in [(line.stage, line.reason) for line in run.decisions]
    assert any("sha256:" in value for value in run.versions.values())
