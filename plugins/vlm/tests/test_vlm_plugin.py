"""What the distribution offers, what importing it costs, and what its preset says."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import imagerag_vlm
from imagerag.config import Settings
from imagerag_vlm import plugin
from imagerag_vlm.config import VLMConfig
from imagerag_vlm.published import CATALOGUE

HEAVY = ("torch", "transformers", "torchvision", "numpy", "PIL.Image", "jinja2")


def test_importing_the_plugin_and_its_classes_imports_no_model_library():
    code = (
        "import sys, imagerag_vlm.plugin, imagerag_vlm.config, imagerag_vlm.testing\n"
        "from imagerag_vlm.critic import VLMCritic\n"
        "c = VLMCritic(imagerag_vlm.config.VLMConfig(), None)\n"
        "c.facts(), c.versions(), c.close()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_the_offer_names_a_class_and_its_configuration():
    (offer,) = plugin.imagerag_critics()
    assert (offer.name, offer.remote) == ("vlm", False)
    for target in (offer.target, offer.config):
        module, _, name = target.partition(":")
        assert isinstance(getattr(importlib.import_module(module), name), type)


def preset() -> tuple[str, dict]:
    (offered,) = plugin.imagerag_presets()
    package, _, inside = offered.resource.partition(":")
    assert (offered.name, package) == ("local", "imagerag_vlm")
    text = (Path(imagerag_vlm.__file__).parent / inside).read_text(encoding="utf-8")
    return text, tomllib.loads(text)


def options(table: dict) -> dict:
    return {key: value for key, value in table.items() if key != "use"}


def test_the_preset_names_what_runs_without_key_and_network():
    _, found = preset()
    Settings.model_validate(found)
    uses = {
        role: table["use"]
        for role, table in found.items()
        if isinstance(table, dict) and table.get("use")
    }
    assert uses == {
        "generator": "flux2-klein",
        "conditioner": "flux2",
        "critic": "vlm",
        "encoder": "siglip",
        "retriever": "usearch",
    }
    loop = found["loop"]
    assert (loop["gate"], loop["keep"]) == ("draft", "best")
    critic = VLMConfig(**options(found["critic"]))
    assert critic.compare == "both-orders"
    assert CATALOGUE[critic.model].revision == critic.revision
    assert CATALOGUE[critic.model].commercial is True


def test_the_advice_for_smaller_gpus_is_possible():
    text, found = preset()
    critic = options(found["critic"])
    assert '"bitsandbytes-4bit"' in text
    advised = {**critic, "quantisation": "bitsandbytes-4bit", "offload": "none", "image_size": 768}
    VLMConfig(**advised)


def test_all_of_the_preset_is_explained_where_its_distributions_are():
    for needed in ("imagerag_flux", "imagerag_clip", "imagerag_usearch"):
        pytest.importorskip(needed)
    done = subprocess.run(
        [sys.executable, "-m", "imagerag", "config", "explain", "local"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    for words in (
        "generator: flux2-klein",
        "conditioner: flux2",
        "critic: vlm",
        CATALOGUE["Qwen/Qwen2.5-VL-7B-Instruct"].revision,
        "encoder: siglip",
        "retriever: usearch",
    ):
        assert words in done.stdout
    assert done.stdout.count("commercial use allowed") == 3
    assert "0.0000 US dollars" in done.stdout


def test_every_line_of_the_preset_is_explained():
    lines = preset()[0].splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if "=" in line and not line.startswith("#"):
            assert before.startswith("#"), line
