"""The index is held to the rules of retrievers, exact and by graph."""

from __future__ import annotations

from imagerag.testing import RetrieverSuite


class TestExact(RetrieverSuite):
    component = "usearch"
    options = {"threads": 1}  # noqa: RUF012


class TestGraph(RetrieverSuite):
    component = "usearch"
    options = {"kind": "hnsw", "threads": 1}  # noqa: RUF012
