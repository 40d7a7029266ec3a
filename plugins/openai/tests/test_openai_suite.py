"""Critic, generator and conditioner are held to the rules of their roles, at a loopback server."""

from __future__ import annotations

import pytest

from imagerag.testing import ConditionerSuite, CriticSuite, GeneratorSuite, LoopbackVLM
from imagerag.values import Capability


@pytest.fixture(scope="module")
def server():
    script = {"openai": lambda request: None if request.schema else "a hedgehog", "images": (None,)}
    with LoopbackVLM(script) as running:
        yield running


@pytest.fixture(scope="module")
def here(server):
    return {"base_url": server.openai_url, "backoff": 0.02}


@pytest.fixture(scope="module")
def painting(here):
    return {**here, "size": [48, 32]}


class TestCritic(CriticSuite):
    component = "openai"
    options = "here"


class TestGenerator(GeneratorSuite):
    component = "gpt-image"
    options = "painting"


class TestConditioner(ConditionerSuite):
    component = "gpt-image"
    capability = Capability(frozenset({"text", "in-context", "edit"}), 16, 4, "image {k}")
