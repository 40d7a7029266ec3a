"""Generator and conditioner are held to the rules of their roles."""

from __future__ import annotations

import pytest

from imagerag.testing import ConditionerSuite, GeneratorSuite
from imagerag.values import Capability
from imagerag_omnigen.placeholders import SYNTAX


@pytest.fixture(scope="module")
def on_a_tiny_model(tiny):
    return {"model": str(tiny), "steps": 2, "size": [64, 64], "device": "cpu"}


class TestGenerator(GeneratorSuite):
    component = "omnigen"
    options = "on_a_tiny_model"


class TestConditioner(ConditionerSuite):
    component = "omnigen"
    capability = Capability(frozenset({"text", "in-context", "edit"}), 3, 3, SYNTAX)
