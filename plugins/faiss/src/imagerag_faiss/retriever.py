"""The retriever `faiss`."""

from __future__ import annotations

from collections.abc import Mapping

from imagerag.values import Facts
from imagerag_faiss.codes import FastScanCode
from imagerag_faiss.config import AUTO, LEAST, FaissConfig
from imagerag_faiss.flat import FlatCode
from imagerag_faiss.halves import products
from imagerag_vectors.code import Code
from imagerag_vectors.exact import Kernel
from imagerag_vectors.retriever import VectorRetriever


class FaissRetriever(VectorRetriever):
    """Finds the items nearest to a text or a picture in the encoder's space, by faiss."""

    config: FaissConfig

    family = "faiss"

    @property
    def recall(self) -> float:
        """Share of the true nearest that is found: all by 'flat', nine of ten by 'pq'."""
        return 1.0 if self.config.kind == "flat" else 0.9

    @property
    def kernel(self) -> Kernel:
        """Convert rows by faiss, and multiply them."""
        return products

    def code(self, rows: int) -> Code | None:
        """Return short codes where the configuration wants them and there are rows enough."""
        kind = self.config.kind
        if kind == "flat" or rows < (LEAST if kind == "pq" else AUTO):
            return FlatCode()
        return FastScanCode(self.config)

    def versions(self) -> Mapping[str, str]:
        """Return the version of faiss and how it searches."""
        from importlib.metadata import version

        return {
            "faiss": version("faiss-cpu"),
            "kind": self.config.kind,
            "dtype": self.config.dtype,
        }

    def facts(self) -> Facts:
        """Say how it searches."""
        return Facts(
            implementation="faiss.IndexPQFastScan, faiss.ScalarQuantizer",
            usd_per_picture=0.0,
            proven="the same hits as brute force by 'flat', and the share of them that is declared "
            "by 'pq', through any order of additions and removals",
        )
