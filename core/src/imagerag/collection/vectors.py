"""Embeddings kept by (item, space), so that none is ever computed twice."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from imagerag.collection.catalogue import Catalogue
from imagerag.collection.vector_checksum import owned
from imagerag.errors import CollectionError, SpaceMismatchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

PAGE = 500
"""Ids or rows read by one statement: small enough that writers never wait long."""


class VectorShelf:
    """The embeddings of a collection's items: float32, little-endian, each with a CRC-32."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Keep embeddings in `catalogue`."""
        self._catalogue = catalogue

    def get(self, space: str, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return what is kept of `ids` in `space`; absent ones are left out.

        An embedding whose checksum does not match counts as absent, with a warning in the log.
        """
        import numpy as np

        found: dict[str, NDArray[np.float32]] = {}
        known = self._catalogue.rows("SELECT number, dim FROM spaces WHERE space = ?", (space,))
        if not known:
            return found
        number, dim = known[0]
        for start in range(0, len(ids), PAGE):
            page = list(ids[start : start + PAGE])
            rows = self._catalogue.rows(
                # CROSS JOIN fixes the order: by id to the item, then to its embedding.
                "SELECT items.id, embeddings.checksum, embeddings.vector "
                "FROM json_each(?) AS wanted CROSS JOIN items ON items.id = wanted.value "
                "CROSS JOIN embeddings "
                "ON embeddings.space = ? AND embeddings.item = items.number",
                (json.dumps(page), number),
            )
            for identity, checksum, blob in rows:
                if len(blob) != 4 * dim or owned(zlib.crc32(blob), identity, space) != checksum:
                    log.warning("The embedding of %s in %r is damaged; ignored.", identity, space)
                    continue
                found[identity] = np.frombuffer(blob, dtype="<f4").astype(np.float32)
        return found

    def put(self, space: str, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep one row of `vectors` per id; ids that the catalogue does not know are ignored.

        Raises `SpaceMismatchError` where the space has another dimension, `CollectionError` for
        values that are not finite or a wrong number of rows.
        """
        import numpy as np

        matrix = np.ascontiguousarray(vectors, dtype="<f4")
        if matrix.ndim != 2 or len(matrix) != len(ids):
            raise CollectionError(
                f"{len(ids)} ids need as many embeddings, got an array of shape {matrix.shape}."
            )
        if not np.isfinite(matrix).all():
            raise CollectionError(
                f"An embedding in the space {space!r} is not finite; nothing was kept. "
                "Check the encoder: imagerag doctor"
            )
        if not len(ids):
            return
        dim = int(matrix.shape[1])
        with self._catalogue.writing():
            number = self._space(space, dim)
            blobs = [row.tobytes() for row in matrix]
            self._catalogue.many(
                "INSERT INTO embeddings (item, space, checksum, vector) "
                "SELECT number, ?, ?, ? FROM items WHERE id = ? "
                "ON CONFLICT DO UPDATE SET checksum = excluded.checksum, vector = excluded.vector",
                [
                    (number, owned(zlib.crc32(blob), identity, space), blob, identity)
                    for identity, blob in zip(ids, blobs, strict=True)
                ],
            )

    def _space(self, space: str, dim: int) -> int:
        self._catalogue.rows(
            "INSERT INTO spaces (space, dim) VALUES (?, ?) ON CONFLICT DO NOTHING", (space, dim)
        )
        number, kept = self._catalogue.rows(
            "SELECT number, dim FROM spaces WHERE space = ?", (space,)
        )[0]
        if kept != dim:
            raise SpaceMismatchError(
                f"The space {space!r} has {kept} dimensions in this collection, not {dim}. Two "
                "encoders call themselves the same: check the encoder's configuration."
            )
        return int(number)
