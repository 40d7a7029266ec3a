"""Retriever and re-ranker are held to the rules of their roles."""

from __future__ import annotations

from imagerag.testing import RerankerSuite, RetrieverSuite


class TestRetriever(RetrieverSuite):
    component = "bm25"


class TestReranker(RerankerSuite):
    component = "bm25"


class TestRerankerByCatalogue(RerankerSuite):
    component = "bm25"
    options = {"captions": "catalogue"}  # noqa: RUF012
