"""Generator and conditioner are held to the rules of their roles."""

from __future__ import annotations

import pytest

from imagerag.testing import ConditionerSuite, GeneratorSuite


@pytest.fixture(scope="module")
def tiny(published):
    return {"model": str(published), "steps": 2, "size": [64, 64], "device": "cpu"}


class TestGenerator(GeneratorSuite):
    component = "rdm"
    options = "tiny"


class TestConditioner(ConditionerSuite):
    component = "rdm"
