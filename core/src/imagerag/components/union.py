"""The retriever `union`: what several retrievers find, each item once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagerag.errors import ConfigError
from imagerag.roles import Context, Retriever
from imagerag.values import Facts, Hit, Item, Query

if TYPE_CHECKING:
    from imagerag.collection import Collection
    from imagerag.components.config import UnionConfig


class UnionRetriever(Retriever):
    """Asks several retrievers and merges their hits by reciprocal rank fusion.

    Scores of different encoders cannot be compared, ranks can: the score of a hit is the sum of
    1 / (constant + rank) over the retrievers that found it, with ranks from 1. So `min_score` of
    the loop is on that scale here, not a cosine.
    """

    config: UnionConfig

    compares = "own"

    def __init__(self, config: Any, context: Context) -> None:
        """Check that there is something to ask; nothing is opened."""
        super().__init__(config, context)
        if not config.of:
            raise ConfigError(
                "the retriever 'union' has nothing to ask: add a table [[retriever.of]] for each "
                'retriever, with `use = "…"`.'
            )

    def sync(self, collection: Collection) -> int:
        """Bring every retriever up to date; return the most changes that one of them applied."""
        return max(part.sync(collection) for part in self._parts)

    def search(
        self, queries: Sequence[Query], k: int, where: Callable[[Item], bool] | None = None
    ) -> list[list[Hit]]:
        """Return up to `k` hits per query from the union of what each retriever finds."""
        depth = self.config.take or k
        found = [part.search(queries, depth, where) for part in self._parts]
        return [self._merged([hits[number] for hits in found], k) for number in range(len(queries))]

    def versions(self) -> Mapping[str, str]:
        """Say which retrievers take part; each also tells its own versions."""
        return {"of": ", ".join(type(part).__name__ for part in self._parts)}

    def facts(self) -> Facts:
        """Say what is merged."""
        return Facts(
            implementation="reciprocal rank fusion (Cormack et al., SIGIR 2009)",
            usd_per_picture=0.0,
            proven="the union of CLIP and SigLIP candidates, in the sandbox",
        )

    @property
    def _parts(self) -> Sequence[Retriever]:
        return self.context.parts["of"]

    def _merged(self, lists: Sequence[Sequence[Hit]], k: int) -> list[Hit]:
        scores: dict[str, float] = {}
        first: dict[str, Hit] = {}
        for hits in lists:
            for rank, hit in enumerate(hits, start=1):
                scores[hit.item.id] = scores.get(hit.item.id, 0.0) + 1 / (
                    self.config.constant + rank
                )
                first.setdefault(hit.item.id, hit)
        order = sorted(scores, key=lambda identity: (-scores[identity], identity))
        return [Hit(first[i].item, scores[i], first[i].query) for i in order[:k]]
