"""What the distribution offers, what importing it costs, and what its preset says."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import imagerag_omnigen
from imagerag.config import Settings
from imagerag_omnigen import plugin
from imagerag_omnigen.config import OmniGenConditionerConfig, OmniGenConfig

HEAVY = ("torch", "diffusers", "transformers", "numpy", "PIL.Image")


def test_importing_the_plugin_and_its_classes_imports_no_model_library():
    code = (
        "import sys, imagerag_omnigen.plugin, imagerag_omnigen.config, imagerag_omnigen.testing, "
        "imagerag_omnigen.conditioner\n"
        "from imagerag_omnigen.generator import OmniGenGenerator\n"
        "g = OmniGenGenerator(imagerag_omnigen.config.OmniGenConfig(), None)\n"
        "g.capability(), g.facts(), g.versions(), g.close()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_every_offer_names_a_class_and_its_configuration():
    for offer in (*plugin.imagerag_generators(), *plugin.imagerag_conditioners()):
        assert offer.name == "omnigen"
        for target in (offer.target, offer.config):
            module, _, name = target.partition(":")
            assert isinstance(getattr(importlib.import_module(module), name), type)


def preset() -> tuple[str, dict]:
    (offered,) = plugin.imagerag_presets()
    package, _, inside = offered.resource.partition(":")
    assert (offered.name, package) == ("paper-omnigen", "imagerag_omnigen")
    text = (Path(imagerag_omnigen.__file__).parent / inside).read_text(encoding="utf-8")
    return text, tomllib.loads(text)


def options(table: dict) -> dict:
    return {key: value for key, value in table.items() if key != "use"}


def test_the_preset_holds_the_papers_settings():
    _, found = preset()
    Settings.model_validate(found)
    generator = OmniGenConfig(**options(found["generator"]))
    assert (generator.guidance_scale, generator.img_guidance_scale) == (2.5, 1.6)
    assert (generator.size, generator.steps, generator.max_references) == ((1024, 1024), 50, 3)
    conditioner = OmniGenConditionerConfig(**options(found["conditioner"]))
    assert conditioner == OmniGenConditionerConfig(), "the paper's words are the default"
    critic = found["critic"]
    assert (critic["use"], critic["model"]) == ("openai", "gpt-4o-2024-08-06")
    assert critic["calls"] == "three"
    assert found["encoder"]["model"] == "timm/vit_base_patch32_clip_224.openai"
    loop = found["loop"]
    assert (loop["concepts"], loop["images_per_concept"], loop["max_references"]) == (3, 1, 3)
    assert (loop["gate"], loop["query"], loop["keep"]) == ("draft", "caption", "last")
    assert (loop["rounds"], loop["retries"], found["seed"]) == (1, 3, 0)


def test_the_preset_names_the_commit_that_is_pinned():
    from imagerag_omnigen.published import CATALOGUE, OMNIGEN

    assert CATALOGUE[OMNIGEN].revision in preset()[0]


def test_every_line_of_the_preset_is_explained():
    lines = preset()[0].splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if "=" in line and not line.startswith("#"):
            assert before.startswith("#"), line
