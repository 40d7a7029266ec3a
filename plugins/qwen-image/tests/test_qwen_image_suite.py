"""Generator and conditioner are held to the rules of their roles."""

from __future__ import annotations

from imagerag.testing import ConditionerSuite, GeneratorSuite


class TestGenerator(GeneratorSuite):
    component = "qwen-image-edit"
    options = "small"


class TestConditioner(ConditionerSuite):
    component = "qwen-image"
