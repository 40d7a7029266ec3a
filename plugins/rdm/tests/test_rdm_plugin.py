"""What the distribution offers, what importing it costs, and a run through the loop."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
from PIL import Image

from imagerag import ImageRAG, replay
from imagerag.collection import Collection
from imagerag.roles import Found
from imagerag.testing import registry
from imagerag_rdm import plugin
from imagerag_rdm.config import RDMConditionerConfig, RDMConfig

HEAVY = ("torch", "diffusers", "transformers", "numpy", "PIL.Image")


def test_importing_the_plugin_and_its_classes_imports_no_model_library():
    code = (
        "import sys, imagerag_rdm.plugin, imagerag_rdm.config, imagerag_rdm.generator, "
        "imagerag_rdm.conditioner\n"
        "from imagerag_rdm.generator import RDMGenerator\n"
        "g = RDMGenerator(imagerag_rdm.config.RDMConfig(), None)\n"
        "g.capability(), g.facts(), g.versions(), g.close()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_every_offer_names_a_class_and_its_configuration():
    for offer in (*plugin.imagerag_generators(), *plugin.imagerag_conditioners()):
        assert offer.name == "rdm"
        for target in (offer.target, offer.config):
            module, _, name = target.partition(":")
            assert isinstance(getattr(importlib.import_module(module), name), type)


def test_every_option_has_a_default_and_says_what_it_is():
    for model in (RDMConfig, RDMConditionerConfig):
        model()
        for name, field in model.model_fields.items():
            assert field.description, name


@pytest.fixture
def settings(published, tmp_path, monkeypatch):
    """A configuration of the generator among doubles, with 25 pictures to retrieve from."""
    monkeypatch.setenv("IMAGERAG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = []
    for number in range(25):
        file = tmp_path / f"{number}.png"
        Image.new("RGB", (40, 40), (number * 10, 255 - number * 10, number)).save(file)
        found.append(Found(file.name, file, None, f"a photo of a hat {number}", "CC0-1.0"))
    with Collection.create(tmp_path / "home/collections/pool", "pool") as pool:
        pool.add(found)
    return {
        "collection": "pool",
        "generator": {
            "use": "rdm",
            "model": str(published),
            "steps": 2,
            "size": [64, 64],
            "device": "cpu",
        },
        "conditioner": {"use": "rdm"},
        "critic": {"use": "scripted", "answers": ["missing: hat"]},
        "encoder": {"use": "hashing"},
        "retriever": {"use": "memory"},
        "loop": {"concepts": 1, "images_per_concept": 16, "candidates": 30, "keep": "last"},
    }


def test_a_run_retrieves_paints_with_all_neighbours_and_replays(settings):
    plugins = registry("imagerag_rdm.plugin")
    with ImageRAG.from_config(settings, registry=plugins, progress=False) as rag:
        run = rag.generate("a hat", seed=3)
    assert len(run.references) == 16
    assert run.image.tobytes() != run.draft.tobytes()
    assert ("condition", "show 16 neighbours") in [(d.stage, d.decision) for d in run.decisions]
    assert run.versions["generator.pipeline"] == "RDMPipeline"
    assert run.versions["generator.revision"].startswith("sha256:")
    assert replay(run, registry=plugins).identical


def test_what_does_not_fit_is_cut_by_the_loop_and_recorded(settings):
    plugins = registry("imagerag_rdm.plugin")
    settings["generator"]["k"] = 4
    with ImageRAG.from_config(settings, registry=plugins, progress=False) as rag:
        run = rag.generate("a hat", seed=3)
    assert len(run.references) == 4
    assert "use 4 references" in [d.decision for d in run.decisions]
