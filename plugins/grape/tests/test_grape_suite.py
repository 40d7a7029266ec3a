"""Generator and conditioner are held to the rules of their roles."""

from __future__ import annotations

import pytest

from imagerag.testing import ConditionerSuite, GeneratorSuite
from imagerag.values import Capability


@pytest.fixture(scope="module", autouse=True)
def doubles(plugins):
    """Editor and planner of these tests can be imported."""


class TestGenerator(GeneratorSuite):
    component = "grape"
    plugin = "grape_doubles.plugin"
    options = {"painter": {"use": "patching", "width": 24, "height": 16, "max_references": 1}}  # noqa: RUF012
    beside = {"critic": {"use": "planner", "plans": ["a; b"]}}  # noqa: RUF012


class TestConditioner(ConditionerSuite):
    component = "grape"
    capability = Capability(frozenset({"text", "image-prompt"}), 3, 1)
