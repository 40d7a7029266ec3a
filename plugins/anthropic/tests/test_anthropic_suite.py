"""The critic is held to the rules of its role, at a loopback server."""

from __future__ import annotations

import pytest

from imagerag.testing import CriticSuite, LoopbackVLM


@pytest.fixture(scope="module")
def here():
    with LoopbackVLM(lambda request: None if request.schema else "a hedgehog") as server:
        yield {"base_url": server.anthropic_url, "backoff": 0.02}


class TestCritic(CriticSuite):
    component = "anthropic"
    options = "here"
