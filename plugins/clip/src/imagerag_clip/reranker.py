"""The re-ranker `clip`: orders hits by another model's opinion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from imagerag.errors import CollectionError, ImageError
from imagerag.roles import Context, Reranker
from imagerag_clip.sharing import SharedModel

if TYPE_CHECKING:
    from imagerag.roles import Vectors
    from imagerag.values import Hit, Query
    from imagerag_clip.config import ClipRerankerConfig


class ClipReranker(Reranker):
    """Orders hits by the cosine of the query with each image, under its own CLIP or SigLIP.

    Hits keep their retrieval scores; equal cosines keep the retriever's order. A picture that
    cannot be opened goes to the end.
    """

    config: ClipRerankerConfig

    def __init__(self, config: ClipRerankerConfig, context: Context) -> None:
        super().__init__(config, context)
        self._shared = SharedModel(config)

    def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """Return a permutation of `hits`, the best first.

        Raises:
            CollectionError: The run has no collection to open the images from.
        """
        if not hits:
            return []
        collection = self.context.collection
        if collection is None:
            raise CollectionError(
                "The re-ranker 'clip' (imagerag-clip) needs the images of the hits, and this run "
                'has no collection: set `collection = "NAME"` in the configuration.'
            )
        pictures = []
        opened = []
        for at, hit in enumerate(hits):
            try:
                pictures.append(collection.image(hit.item.id))
                opened.append(at)
            except (CollectionError, ImageError):
                continue
        if not opened:
            return list(hits)
        model = self._shared.model
        vectors = model.encode_images(pictures, self.config.batch_size)
        cosines = (vectors @ self._query(query)[0]).tolist()
        ranked = sorted(zip(opened, cosines, strict=True), key=lambda pair: (-pair[1], pair[0]))
        order = [at for at, _ in ranked]
        return [hits[at] for at in [*order, *(set(range(len(hits))) - set(order))]]

    def _query(self, query: Query) -> Vectors:
        if query.image is not None:
            return self._shared.model.encode_images([query.image])
        return self._shared.model.encode_texts([query.text or ""])

    def versions(self) -> Mapping[str, str]:
        """Return the model, its revision and its space."""
        return self._shared.versions()

    def close(self) -> None:
        """Let go of the model."""
        self._shared.close()
