"""The critic is held to the rules of its role, on a tiny model."""

from __future__ import annotations

import pytest

from imagerag.testing import CriticSuite


@pytest.fixture(scope="module")
def here(taught):
    return {"model": str(taught), "device": "cpu", "max_tokens": 64}


class TestCritic(CriticSuite):
    component = "vlm"
    options = "here"
