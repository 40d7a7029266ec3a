"""The `usearch` retriever: an index in the collection's own folder, caught up before a search."""

from __future__ import annotations

from collections.abc import Mapping

from imagerag.values import Facts
from imagerag_usearch.coded import Coded
from imagerag_usearch.config import AUTO_ROWS, UsearchConfig
from imagerag_usearch.graph import Graph
from imagerag_usearch.kernel import rough
from imagerag_vectors import Code, VectorRetriever
from imagerag_vectors.exact import Kernel

RECALL = {"exact": 1.0, "coded": 0.98, "hnsw": 0.5}
"""Share of the nearest that each kind finds at least.

'coded': of 350,000 vectors like CLIP's, with texts as queries (bench/search.py). 'hnsw': of 20,000
random vectors it finds .94 of the nearest 50 at 64 dimensions, and .53 at 512, where nothing is
near: vectors of real pictures lie between.
"""


class UsearchRetriever(VectorRetriever):
    """Finds the items nearest to a text or a picture in the encoder's space.

    `skipped` names the items that the last sync could not read, as (id, reason).
    """

    config: UsearchConfig
    family = "usearch"

    @property
    def recall(self) -> float:
        """Share of the true nearest that is found at least, by the kind that is in use."""
        return RECALL[self._kind(self.rows)]

    def versions(self) -> Mapping[str, str]:
        """Return the version of usearch and how it searches; with 'auto', how it does now."""
        from importlib.metadata import version

        return {
            "usearch": version("usearch"),
            "kind": self._kind(self.rows),
            "dtype": self.config.dtype,
        }

    def facts(self) -> Facts:
        """Say how it searches."""
        return Facts(
            implementation=f"usearch, kind {self.config.kind}",
            usd_per_picture=0.0,
            proven="exact: the same hits as brute force, through any order of changes; coded: .99 "
            "of the ten nearest of 350,000 generated vectors, asked by texts",
        )

    def code(self, rows: int) -> Code | None:
        """Return the structure that the configuration names, or that suits so many rows."""
        kind = self._kind(rows)
        if kind == "coded":
            return Coded()
        return Graph(self.config) if kind == "hnsw" else None

    @property
    def kernel(self) -> Kernel:
        """What compares whole blocks of rows with queries."""
        return rough

    def _kind(self, rows: int) -> str:
        if self.config.kind != "auto":
            return self.config.kind
        return "coded" if rows >= AUTO_ROWS else "exact"
