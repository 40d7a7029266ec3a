"""What the distribution offers, and what importing it costs."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import imagerag_grape
from imagerag.config import Settings
from imagerag_grape import plugin
from imagerag_grape.config import GrapeConditionerConfig, GrapeConfig

HEAVY = ("torch", "diffusers", "transformers", "numpy", "PIL.Image")


def test_importing_the_plugin_and_its_classes_imports_no_model_library():
    code = (
        "import sys, imagerag_grape.plugin, imagerag_grape.config, imagerag_grape.generator, "
        "imagerag_grape.conditioner\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_every_offer_names_a_class_and_its_configuration():
    for offer in (*plugin.imagerag_generators(), *plugin.imagerag_conditioners()):
        assert offer.name == "grape"
        for target in (offer.target, offer.config):
            module, _, name = target.partition(":")
            assert isinstance(getattr(importlib.import_module(module), name), type)


def test_every_option_has_a_default_and_says_what_it_is():
    for model in (GrapeConfig, GrapeConditionerConfig):
        model()
        for name, field in model.model_fields.items():
            assert field.description, name


def preset() -> tuple[str, dict]:
    (offered,) = plugin.imagerag_presets()
    package, _, inside = offered.resource.partition(":")
    assert package == "imagerag_grape"
    text = (Path(imagerag_grape.__file__).parent / inside).read_text(encoding="utf-8")
    return text, tomllib.loads(text)


def test_the_preset_holds_the_papers_settings():
    _, found = preset()
    Settings.model_validate(found)
    own = {k: v for k, v in found["generator"].items() if k != "use"}
    config = GrapeConfig(**own)
    assert (config.rounds, config.keep, config.edit_size) == (1, "last", "picture")
    assert config.painter["use"] == "omnigen"
    assert config.editor is None
    painter = config.painter
    assert (painter["guidance_scale"], painter["img_guidance_scale"]) == (2.5, 1.6)
    assert (found["critic"]["use"], found["loop"]["gate"]) == ("openai", "never")
    assert found["seed"] == 0


def test_every_line_of_the_preset_is_explained():
    lines = preset()[0].splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if "=" in line and not line.startswith("#"):
            assert before.startswith("#"), line
