"""What is offered exists, and costs nothing until it is used."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import imagerag_clip
from imagerag.component_config import ComponentConfig
from imagerag.hooks import ROLE_HOOKS
from imagerag.roles import Component
from imagerag_clip import plugin

OFFERS = [
    (role, offer) for role, hook in ROLE_HOOKS.items() for offer in getattr(plugin, hook, list)()
]

HEAVY = ("torch", "open_clip", "transformers", "torchvision", "numpy", "PIL")


def resolve(target):
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def test_these_are_offered():
    assert [(role, offer.name) for role, offer in OFFERS] == [
        ("critic", "clip"),
        ("encoder", "clip"),
        ("encoder", "siglip"),
        ("reranker", "clip"),
        ("reranker", "siglip"),
        ("metric", "clip"),
        ("metric", "siglip"),
    ]


@pytest.mark.parametrize(("role", "offer"), OFFERS, ids=lambda value: getattr(value, "name", value))
def test_an_offer_leads_to_its_classes(role, offer):
    assert issubclass(resolve(offer.target), Component)
    config = resolve(offer.config)
    assert issubclass(config, ComponentConfig)
    assert all(field.description for field in config.model_fields.values())
    config()
    assert not offer.remote


@pytest.mark.parametrize(
    "module",
    [
        "imagerag_clip",
        "imagerag_clip.plugin",
        "imagerag_clip.config",
        "imagerag_clip.candidates",
        "imagerag_clip.critic",
        "imagerag_clip.encoder",
        "imagerag_clip.facts",
        "imagerag_clip.calibrate",
        "imagerag_clip.metric",
        "imagerag_clip.reranker",
    ],
)
def test_importing_brings_in_no_heavy_library(module):
    code = f"import sys, {module}; print(*({set(HEAVY)} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_public_name_is_there_and_documented():
    assert imagerag_clip.__all__ == sorted(imagerag_clip.__all__)
    for name in imagerag_clip.__all__:
        assert getattr(imagerag_clip, name).__doc__
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = imagerag_clip.nothing_here
