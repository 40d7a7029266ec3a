"""What the distribution offers, and what importing it costs."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import imagerag_sdxl
from imagerag.config import Settings
from imagerag.hooks import GROUP
from imagerag_sdxl import plugin
from imagerag_sdxl.config import SDXLConditionerConfig, SDXLConfig

HEAVY = ("torch", "diffusers", "transformers", "numpy", "PIL.Image")


def test_importing_the_plugin_and_its_classes_imports_no_model_library():
    code = (
        "import sys, imagerag_sdxl.plugin, imagerag_sdxl.config, imagerag_sdxl.generator, "
        "imagerag_sdxl.conditioner\n"
        "from imagerag_sdxl.generator import SDXLGenerator\n"
        "g = SDXLGenerator(imagerag_sdxl.config.SDXLConfig(), None)\n"
        "g.capability(), g.close()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_every_offer_names_a_class_and_its_configuration():
    for offer in (*plugin.imagerag_generators(), *plugin.imagerag_conditioners()):
        assert offer.name == "sdxl"
        for target in (offer.target, offer.config):
            module, _, name = target.partition(":")
            assert isinstance(getattr(importlib.import_module(module), name), type)


def test_hooks_are_accepted_by_the_host():
    import pluggy

    from imagerag import hooks

    host = pluggy.PluginManager(GROUP)
    host.add_hookspecs(hooks)
    host.register(plugin)
    host.check_pending()
    assert host.hook.imagerag_presets()[0][0].name == "paper-sdxl"


def preset() -> tuple[str, dict]:
    (offered,) = plugin.imagerag_presets()
    package, _, inside = offered.resource.partition(":")
    assert package == "imagerag_sdxl"
    text = (Path(imagerag_sdxl.__file__).parent / inside).read_text(encoding="utf-8")
    return text, tomllib.loads(text)


def test_the_preset_holds_the_papers_settings():
    _, found = preset()
    Settings.model_validate(found)
    generator = SDXLConfig(**{k: v for k, v in found["generator"].items() if k != "use"})
    SDXLConditionerConfig(**{k: v for k, v in found["conditioner"].items() if k != "use"})
    assert generator.adapter_weights == "ip-adapter-plus_sdxl_vit-h.safetensors"
    assert (generator.scale, generator.steps, generator.max_references) == (0.5, 50, 1)
    loop = found["loop"]
    assert (loop["concepts"], loop["images_per_concept"], loop["retries"]) == (1, 1, 3)
    assert (loop["gate"], loop["query"], loop["keep"]) == ("draft", "caption", "last")
    assert found["seed"] == 0


def test_every_line_of_the_preset_is_explained():
    lines = preset()[0].splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if "=" in line and not line.startswith("#"):
            assert before.startswith("#"), line
