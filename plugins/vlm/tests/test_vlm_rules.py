"""The rules of every critic, kept by this one."""

from __future__ import annotations

import pytest

from imagerag.testing import CriticSuite


@pytest.fixture(scope="session")
def taught_options(taught):
    return {"model": str(taught), "device": "cpu", "max_tokens": 20}


class TestVLM(CriticSuite):
    component = "vlm"
    plugin = "imagerag_vlm.plugin"
    options = "taught_options"
