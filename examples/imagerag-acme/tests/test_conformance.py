"""What imagerag holds every retriever and every critic to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from imagerag.testing import CriticSuite, LoopbackVLM, RetrieverSuite


class TestShelf(RetrieverSuite):
    component = "shelf"


class TestShelfInSmallBatches(RetrieverSuite):
    component = "shelf"
    options = {"batch_size": 1}


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    """The options of a critic whose server always misses a hedgehog."""
    answer = {"missing": [{"concept": "hedgehog", "caption": "a photo of a hedgehog"}]}
    with LoopbackVLM([answer]) as running:
        yield {"base_url": running.openai_url}


class TestOwnServer(CriticSuite):
    component = "own-server"
    options = "server"
