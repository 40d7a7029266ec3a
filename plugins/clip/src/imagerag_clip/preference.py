"""Which of several pictures fits a prompt better, by its concepts and by the whole of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagerag.roles import Vectors
    from imagerag_clip.scoring import ConceptScorer
    from imagerag_clip.splitting import Phrase

FLOOR = 1e-6
"""Smallest probability whose logarithm counts: below it the model has no opinion left."""

EQUAL = 1e-6
"""Scores and cosines closer than this are equal: float32 products differ by as much by batch."""

DECIMALS = 6
"""The same for sorting, which needs classes of equals: what agrees to so many decimals is equal."""


@dataclass(frozen=True)
class Preference:
    """How well each picture fits, higher is better.

    `scores` are mean natural logarithms of the probabilities of the prompt's concepts, 0 at best;
    `cosines` those with the whole prompt, -1 to 1. Where no concept could be judged (`judged` is
    False) the scores are the cosines.
    """

    scores: tuple[float, ...]
    cosines: tuple[float, ...]
    judged: bool

    @property
    def note(self) -> str:
        """What the scores are."""
        return "mean log-probability of the concepts" if self.judged else "cosine with the prompt"

    def order(self) -> list[int]:
        """Return all indexes, the best first: by score, then by cosine, then as they were given."""
        return sorted(
            range(len(self.scores)),
            key=lambda at: (
                -round(self.scores[at], DECIMALS),
                -round(self.cosines[at], DECIMALS),
                at,
            ),
        )


def prefer(
    scorer: ConceptScorer, phrases: Sequence[Phrase], text: Vectors, images: Vectors
) -> Preference:
    """Score pictures against a prompt.

    Args:
        scorer: What scores concepts.
        phrases: The prompt's concepts; those that the contrast set cannot judge do not count.
        text: Unit vector of the whole prompt, shape (1, dim).
        images: Unit vectors of the pictures, shape (n, dim).
    """
    import numpy as np

    cosines = tuple((images @ text.T)[:, 0].tolist())
    judged = [phrase for phrase in phrases if scorer.judges(phrase)]
    if not judged:
        return Preference(cosines, cosines, False)
    shares = np.stack([scorer.probabilities(images, phrase, judged) for phrase in judged])
    scores = np.log(np.maximum(shares, FLOOR)).mean(axis=0)
    return Preference(tuple(scores.tolist()), cosines, True)
