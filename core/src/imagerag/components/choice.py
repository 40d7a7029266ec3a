"""The re-ranker `critic`: the run's critic chooses among the candidates' pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imagerag.errors import CapabilityError
from imagerag.roles import Context, Critic, Reranker
from imagerag.text import clean
from imagerag.values import Facts, Hit, Query

if TYPE_CHECKING:
    from imagerag.components.config import ChoiceConfig


class CriticReranker(Reranker):
    """Shows the critic the best candidates and puts those it names first, in its order.

    Whatever the critic answers, the result is a permutation: indexes that do not exist are
    dropped, and candidates that it does not name keep their order behind those it does. An
    answer that names none leaves the order as it was, and says so among the run's decisions.
    """

    config: ChoiceConfig

    def __init__(self, config: Any, context: Context) -> None:
        """Check that the critic can choose; nothing is loaded."""
        super().__init__(config, context)
        critic: Critic = context.component("critic")
        if "choose" not in critic.abilities:
            raise CapabilityError(
                f"the re-ranker 'critic' needs a critic with the ability 'choose', and "
                f"{type(critic).__name__!r} has {sorted(critic.abilities)}. Name another critic "
                'for it: reranker.critic = {use = "…"}.'
            )
        self._critic = critic

    def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """Return the hits in the critic's order; a query by picture keeps the order it has."""
        if query.text is None or len(hits) < 2:
            return list(hits)
        shown = list(hits[: self.config.most])
        choice = self._critic.choose(query.text, [self.context.image(hit.item) for hit in shown])
        named = [index for index in choice.order if index < len(shown)]
        if not named:
            reason = clean(choice.note, 500) or "the critic named none of the candidates"
            self.context.decide("rerank", f"keep the order for {query.text!r}", reason)
        rest = [index for index in range(len(shown)) if index not in named]
        return [*(shown[index] for index in (*named, *rest)), *hits[len(shown) :]]

    def facts(self) -> Facts:
        """Say whose choice it is; what a remote critic takes for it is not known beforehand."""
        return Facts(
            implementation=f"the choice of {self._critic.__class__.__name__}",
            usd_per_picture=None if self._critic.remote else 0.0,
        )
