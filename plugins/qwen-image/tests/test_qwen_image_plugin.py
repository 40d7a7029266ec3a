"""What the distribution offers and declares, what importing it costs, and a whole run."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from imagerag import ImageRAG, replay
from imagerag.collection import Collection
from imagerag.roles import Found
from imagerag.testing import registry
from imagerag_qwen_image import plugin, published
from imagerag_qwen_image.config import QwenImageEditConfig
from imagerag_qwen_image.generator import QwenImageEditGenerator
from imagerag_torch import is_commit

HEAVY = ("torch", "diffusers", "transformers", "numpy", "PIL.Image")
PROMPT = "a quokka with a top hat"


def test_importing_the_plugin_and_its_classes_imports_no_model_library():
    code = (
        "import sys, imagerag_qwen_image.plugin, imagerag_qwen_image.testing\n"
        "import imagerag_qwen_image.conditioner\n"
        "from imagerag_qwen_image.config import QwenImageEditConfig\n"
        "from imagerag_qwen_image.generator import QwenImageEditGenerator\n"
        "g = QwenImageEditGenerator(QwenImageEditConfig(), None)\n"
        "g.capability(), g.facts(), g.versions(), g.close()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_every_offer_names_a_class_and_its_configuration():
    offers = [*plugin.imagerag_generators(), *plugin.imagerag_conditioners()]
    assert [offer.name for offer in offers] == ["qwen-image-edit", "qwen-image"]
    for offer in offers:
        for target in (offer.target, offer.config):
            module, _, name = target.partition(":")
            assert isinstance(getattr(importlib.import_module(module), name), type)


def test_published_models_are_pinned_and_their_sizes_can_be_painted():
    for found in published.CATALOGUE.values():
        assert is_commit(found.revision)
        assert all(side % QwenImageEditConfig.multiple == 0 for s in found.sizes for side in s)


def test_what_is_declared_follows_the_options_and_loads_nothing(make):
    generator = QwenImageEditGenerator(QwenImageEditConfig(), None)
    have, facts = generator.capability(), generator.facts()
    assert (have.licence, have.commercial, have.steps) == ("Apache-2.0", True, 40)
    assert facts.model == published.EDIT_2509
    assert facts.revision == published.CATALOGUE[published.EDIT_2509].revision
    assert facts.implementation == "diffusers.QwenImageEditPlusPipeline"
    assert (facts.memory_gb, facts.usd_per_picture) == (None, 0.0)
    assert "random" in facts.proven
    assert generator._loaded is None
    newer = QwenImageEditGenerator(QwenImageEditConfig(model=published.EDIT_2511), None)
    assert newer.facts().revision == published.CATALOGUE[published.EDIT_2511].revision
    assert make(memory_gb=70.0).facts().memory_gb == 70.0
    assert make().facts().licence is None, "nothing is known of a folder"


@pytest.fixture(scope="module")
def rag(tmp_path_factory, shown, small):
    """The loop on the tiny model, with doubles for the other models."""
    folder = tmp_path_factory.mktemp("pool")
    files = []
    for caption, reference in zip(("quokka", "top hat", "lake"), shown, strict=False):
        reference.image.save(folder / f"{caption}.png")
        files.append(Found(caption, folder / f"{caption}.png", caption=caption, licence="CC0-1.0"))
    with Collection.create(folder / "collection", "pool") as collection:
        collection.add(files)
    config = {
        "collection": str(folder / "collection"),
        "generator": {"use": "qwen-image-edit", **small},
        "conditioner": {"use": "qwen-image"},
        "critic": {"use": "scripted", "answers": ["missing: quokka, top hat"]},
        "encoder": {"use": "hashing"},
        "retriever": {"use": "memory"},
        "loop": {"gate": "draft", "concepts": 2, "images_per_concept": 1, "keep": "last"},
    }
    plugins = registry("imagerag_qwen_image.plugin")
    one = ImageRAG.from_config(config, registry=plugins, progress=False)
    yield one
    one.close()


def test_the_loop_drafts_from_text_and_paints_again_with_numbered_pictures(rag):
    run = rag.generate(PROMPT)
    (again,) = run.rounds
    assert run.drafted.prompt == PROMPT
    assert again.painted.prompt == (
        "Picture 1 shows a photo of a quokka, Picture 2 shows a photo of a top hat. "
        f"Generate {PROMPT}"
    )
    assert len(again.painted.references) == 2
    assert run.draft.tobytes() != run.result.tobytes()
    assert run.versions["generator.without_references"] == "text"
    assert replay(run, registry=registry("imagerag_qwen_image.plugin")).identical
