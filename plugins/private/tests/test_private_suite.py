"""The retriever is held to the rules of retrievers, with and without private collections."""

from __future__ import annotations

import atexit
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from imagerag import Collection
from imagerag.roles import Found
from imagerag.testing import RetrieverSuite

INSIDE = {"use": "memory"}
INDEX = {"use": "usearch", "threads": 1}


class TestTheGeneralPoolAlone(RetrieverSuite):
    component = "private"
    options = {"retriever": INSIDE}  # noqa: RUF012


def _far_away() -> str:
    """Make a collection with a picture that no query of the suite is close to."""
    folder = tempfile.TemporaryDirectory(prefix="imagerag-private-")
    atexit.register(folder.cleanup)
    from imagerag.testing.suites.pictures import png

    with Collection.create(Path(folder.name) / "far") as collection:
        collection.add([Found("far.png", None, png(987_654), "of no matter")])
        return str(collection.path)


@pytest.mark.skipif(find_spec("imagerag_usearch") is None, reason="needs imagerag-usearch")
class TestBesidePrivateCollections(RetrieverSuite):
    component = "private"

    options = {  # noqa: RUF012
        "retriever": INDEX,
        "collections": [{"name": _far_away()}],
        "min_score": 1.01,
    }
