"""The codebook of a product quantizer: which 16 centroids each few dimensions are rounded to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagerag_vectors.files import DamagedIndexError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BITS = 4
"""Bits of one number of a code: what fast-scan looks up in a register."""

SAMPLE = 4_096
"""Rows to train on at most, evenly spread: 256 for each centroid. Sixteen times as many, in fifteen
times the time, find no more of the nearest (350,000 vectors of bench/vectors.py)."""

ROUNDS = 10
"""Rounds of k-means; faiss's 25 find no more either."""


@dataclass(frozen=True)
class Codebook:
    """Centroids for vectors of `dim` dimensions, `code_dims` of which share a number of a code.

    `trained_on` says how many rows the index had then.
    """

    dim: int
    code_dims: int
    trained_on: int
    centroids: NDArray[np.float32]

    @classmethod
    def train(cls, dim: int, code_dims: int, rows: int, sample: NDArray[np.float32]) -> Codebook:
        """Find centroids of a sample, one row a vector. The same sample gives the same ones."""
        import faiss

        index = _empty(dim, code_dims)
        index.pq.cp.max_points_per_centroid = SAMPLE >> BITS
        index.pq.cp.min_points_per_centroid = 1
        index.pq.cp.niter = ROUNDS
        index.train(padded(sample, code_dims))
        return cls(dim, code_dims, rows, faiss.vector_to_array(index.pq.centroids))

    def pack(self) -> bytes:
        """Return the contents of its file: the number of rows, then the centroids as f32."""
        head = self.trained_on.to_bytes(8, "little")
        return head + self.centroids.astype("<f4").tobytes()

    @classmethod
    def unpack(cls, dim: int, code_dims: int, contents: Any) -> Codebook:
        """Read what `pack` returned. Raises `DamagedIndexError` for contents of another length."""
        import numpy as np

        count = numbers(dim, code_dims) * code_dims << BITS
        if len(contents) != 8 + 4 * count:
            raise DamagedIndexError("the codebook has another size than its shape says")
        centroids = np.frombuffer(contents, dtype="<f4", offset=8).astype(np.float32)
        return cls(dim, code_dims, int.from_bytes(contents[:8], "little"), centroids)

    def index(self) -> Any:
        """Return a faiss index without rows that encodes with these centroids."""
        import faiss

        index = _empty(self.dim, self.code_dims)
        faiss.copy_array_to_vector(self.centroids, index.pq.centroids)
        index.is_trained = True
        return index


def numbers(dim: int, code_dims: int) -> int:
    """Return how many numbers a code has."""
    return -(-dim // code_dims)


def padded(vectors: NDArray[np.float32], code_dims: int) -> NDArray[np.float32]:
    """Return f32 vectors, with zeros added up to a multiple of `code_dims` dimensions."""
    import numpy as np

    lacking = -vectors.shape[1] % code_dims
    if lacking:
        vectors = np.pad(vectors, ((0, 0), (0, lacking)))
    return np.ascontiguousarray(vectors, dtype=np.float32)


def _empty(dim: int, code_dims: int) -> Any:
    import faiss

    count = numbers(dim, code_dims)
    return faiss.IndexPQFastScan(count * code_dims, count, BITS, faiss.METRIC_INNER_PRODUCT)
