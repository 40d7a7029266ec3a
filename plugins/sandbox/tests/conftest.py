"""Shared by the sandbox's tests: one home folder and one loaded loop for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imagerag import ImageRAG


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMAGERAG_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def rag(home: Path) -> Iterator[ImageRAG]:
    with ImageRAG.from_config("sandbox", progress=False) as loaded:
        yield loaded
