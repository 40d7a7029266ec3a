"""Generator and conditioner are held to the rules of their roles."""

from __future__ import annotations

import pytest

from imagerag.testing import ConditionerSuite, GeneratorSuite


@pytest.fixture(scope="module")
def tiny(published):
    return {
        "model": str(published.model),
        "adapter": str(published.adapter),
        "steps": 2,
        "size": [64, 64],
        "device": "cpu",
    }


@pytest.fixture(scope="module")
def without_adapter(tiny):
    return {**tiny, "adapter": "none"}


class TestGenerator(GeneratorSuite):
    component = "sdxl"
    options = "tiny"


class TestTextOnly(GeneratorSuite):
    component = "sdxl"
    options = "without_adapter"


class TestConditioner(ConditionerSuite):
    component = "sdxl"
