"""Generators and conditioner are held to the rules of their roles."""

from __future__ import annotations

import pytest

from imagerag.testing import ConditionerSuite, GeneratorSuite

TINY = {"steps": 2, "size": [64, 64], "device": "cpu"}


@pytest.fixture(scope="module")
def alpha(published):
    return {"model": str(published["alpha"]), **TINY}


@pytest.fixture(scope="module")
def sigma(published):
    return {"model": str(published["sigma"]), **TINY}


class TestAlpha(GeneratorSuite):
    component = "pixart-alpha"
    options = "alpha"


class TestSigma(GeneratorSuite):
    component = "pixart-sigma"
    options = "sigma"


class TestConditioner(ConditionerSuite):
    component = "pixart"
