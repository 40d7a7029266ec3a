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

RECALL = {None: 0.95, 1: 0.98, 2: 0.95, 4: 0.6}
"""Share of the nearest 10 that codes find at least, by `code_dims`: measured were 1.0 for 1, .97 to
.999 for 2, .65 to .89 for 4, at 64 to 512 dimensions, of 100,000 and 350,000 vectors like CLIP's
with texts as queries (bench/vectors.py)."""

USUAL = 12
"""The `rescored` that `RECALL` was measured with."""


class FaissRetriever(VectorRetriever):
    """Finds the items nearest to a text or a picture in the encoder's space, by faiss."""

    config: FaissConfig

    family = "faiss"

    @property
    def recall(self) -> float:
        """Share of the true nearest that is found at least, by the kind that is in use."""
        if self._kind(self.rows) == "flat":
            return 1.0
        return RECALL[self.config.code_dims] / (1 if self.config.rescored >= USUAL else 2)

    @property
    def kernel(self) -> Kernel:
        """Convert rows by faiss, and multiply them."""
        return products

    def code(self, rows: int) -> Code | None:
        """Return short codes where the configuration wants them and there are rows enough."""
        return FlatCode() if self._kind(rows) == "flat" else FastScanCode(self.config)

    def versions(self) -> Mapping[str, str]:
        """Return the version of faiss and how it searches; with 'auto', how it does now."""
        from importlib.metadata import version

        return {
            "faiss": version("faiss-cpu"),
            "kind": self._kind(self.rows),
            "dtype": self.config.dtype,
        }

    def facts(self) -> Facts:
        """Say how it searches."""
        return Facts(
            implementation=f"faiss, kind {self.config.kind}",
            usd_per_picture=0.0,
            proven="the same hits as brute force by 'flat', and the share of them that is declared "
            "by 'pq', through any order of additions and removals",
        )

    def _kind(self, rows: int) -> str:
        kind = self.config.kind
        return "flat" if kind == "flat" or rows < (LEAST if kind == "pq" else AUTO) else "pq"
