"""The retriever `union`: what several retrievers find, each item once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagerag.errors import CapabilityError, ConfigError
from imagerag.roles import Context, Retriever
from imagerag.values import Facts, Hit, Item, Query

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.collection import Collection
    from imagerag.components.config import UnionConfig

Ranked = tuple[float, Sequence[Hit]]
"""The weight of a retriever, and the hits that it found for one query, the best first."""


class UnionRetriever(Retriever):
    """Asks several retrievers and merges their hits by weighted reciprocal rank fusion.

    Scores of different encoders cannot be compared, ranks can: the score of a hit is the sum of
    weight / (constant + rank) over the retrievers that found it, with ranks from 1. So `min_score`
    of the loop is on that scale here, not a cosine.

    A retriever that compares words has nothing to say of a picture as a query: it is left out
    there, with a line among the run's decisions, while another one can answer.
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
        self._weights = config.weights or (1.0,) * len(config.of)

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        """The items that the last sync of any part could not read, as (id, reason), each once."""
        named = dict(pair for part in self._parts for pair in getattr(part, "skipped", ()))
        return tuple(named.items())

    def sync(self, collection: Collection) -> int:
        """Bring every retriever up to date; return the most changes that one of them applied."""
        return max(part.sync(collection) for part in self._parts)

    def search(
        self, queries: Sequence[Query], k: int, where: Callable[[Item], bool] | None = None
    ) -> list[list[Hit]]:
        """Return up to `k` hits per query from the union of what each retriever finds.

        Raises `CapabilityError` where a query is a picture and no retriever takes pictures.
        """
        depth = self.config.take or k
        found: list[list[Ranked]] = [[] for _ in queries]
        # Apart, so that one that takes no pictures still answers the texts among the queries.
        for pictures in (False, True):
            numbers = [
                n for n, query in enumerate(queries) if (query.image is not None) == pictures
            ]
            if numbers:
                asked = [queries[n] for n in numbers]
                for n, lists in zip(numbers, self._ask(asked, depth, where), strict=True):
                    found[n] = lists
        return [self._merged(lists, k) for lists in found]

    def item(self, identity: str) -> Item | None:
        """Return the item of an id as the part that finds it has it; as private if any says so."""
        found = [item for part in self._parts if (item := part.item(identity)) is not None]
        return next((item for item in found if item.private), found[0] if found else None)

    def image(self, item: Item) -> Image:
        """Return the picture of an item from a part that finds it."""
        for part in self._parts:
            if part.item(item.id) is not None:
                return part.image(item)
        return super().image(item)

    def info(self, collection: Collection) -> Mapping[str, str]:
        """Say what each part keeps of a collection."""
        lines: dict[str, str] = {}
        for number, part in enumerate(self._parts, start=1):
            lines |= {f"{number}: {key}": text for key, text in part.info(collection).items()}
        return lines

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

    def _ask(
        self, queries: Sequence[Query], depth: int, where: Callable[[Item], bool] | None
    ) -> list[list[Ranked]]:
        """Return what each retriever finds for queries that are all texts or all pictures."""
        found: list[list[Ranked]] = [[] for _ in queries]
        unable: CapabilityError | None = None
        answered = False
        for part, weight in zip(self._parts, self._weights, strict=True):
            try:
                lists = part.search(queries, depth, where)
            except CapabilityError as error:
                if queries[0].text is not None:
                    raise
                self.context.decide("retrieve", f"without {type(part).__name__}", str(error))
                unable = error
                continue
            answered = True
            for mine, hits in zip(found, lists, strict=True):
                mine.append((weight, hits))
        if unable is not None and not answered:
            raise unable
        return found

    def _merged(self, lists: Sequence[Ranked], k: int) -> list[Hit]:
        shares: dict[str, list[float]] = {}
        first: dict[str, Hit] = {}
        for weight, hits in lists:
            for rank, hit in enumerate(hits, start=1):
                shares.setdefault(hit.item.id, []).append(weight / (self.config.constant + rank))
                first.setdefault(hit.item.id, hit)
        # An exact sum: the same ranks in another order are a tie, which the id decides.
        scores = {identity: math.fsum(parts) for identity, parts in shares.items()}
        order = sorted(scores, key=lambda identity: (-scores[identity], identity))
        return [Hit(first[i].item, scores[i], first[i].query) for i in order[:k]]
