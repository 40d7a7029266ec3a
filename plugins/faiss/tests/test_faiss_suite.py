"""The index is held to the rules of retrievers."""

from __future__ import annotations

from imagerag.testing import RetrieverSuite


class TestAuto(RetrieverSuite):
    component = "faiss"


class TestFlat(RetrieverSuite):
    component = "faiss"
    options = {"kind": "flat", "threads": 1, "dtype": "f32"}  # noqa: RUF012


class TestCodes(RetrieverSuite):
    component = "faiss"
    options = {"kind": "pq", "threads": 1}  # noqa: RUF012
