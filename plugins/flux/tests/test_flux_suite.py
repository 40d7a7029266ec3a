"""Generators and conditioners are held to the rules of their roles."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imagerag.testing import ConditionerSuite, GeneratorSuite
from imagerag.values import Capability

TINY = {"steps": 2, "size": [64, 64], "device": "cpu", "max_tokens": 96}
IN_CONTEXT = Capability(frozenset({"text", "in-context", "edit"}), 4, 2, "image {k}")


@pytest.fixture(scope="module")
def schnell(published):
    return {**TINY, "model": str(published["schnell"])}


@pytest.fixture(scope="module")
def kontext(published):
    return {**TINY, "model": str(published["kontext"]), "reference_area": 64 * 64}


@pytest.fixture(scope="module")
def redux(published):
    return {**TINY, "model": str(published["dev"]), "prior": str(published["redux"])}


@pytest.fixture(scope="module")
def klein(published):
    return {**TINY, "model": str(published["klein"]), "reference_area": 64 * 64}


class TestFlux(GeneratorSuite):
    component = "flux"
    options = "schnell"


class TestKontext(GeneratorSuite):
    component = "flux-kontext"
    options = "kontext"


class TestRedux(GeneratorSuite):
    component = "flux-redux"
    options = "redux"


class TestKlein(GeneratorSuite):
    component = "flux2-klein"
    options = "klein"


class TestPlainWords(ConditionerSuite):
    component = "flux"


class TestKontextWords(ConditionerSuite):
    component = "flux-kontext"
    capability = replace(IN_CONTEXT, max_references=1, recommended_references=1)


class TestReduxWords(ConditionerSuite):
    component = "flux-redux"


class TestKleinWords(ConditionerSuite):
    component = "flux2"
    capability = IN_CONTEXT
