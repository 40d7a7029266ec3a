"""BM25 as Lucene counts it since version 8, without the constant factor k1 + 1.

    score(query, caption) = Σ  n · idf(w) · tf / (tf + k1 · (1 − b + b · length / average))
                            w
    idf(w) = ln(1 + (N − df + ½) / (df + ½))

over the different words `w` of the query, each standing in it `n` times and in the caption `tf`
times. `N` captions of the pool have words at all, `df` of them have `w`; `length` is the number of
a caption's words, `average` the mean of that over the pool. Every score is above 0.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Share = TypeVar("Share", float, "NDArray[np.float64]")


@dataclass(frozen=True)
class Formula:
    """BM25 with its two constants."""

    k1: float
    b: float

    def norm(self, share: Share) -> Share:
        """Return what `tf` is held against in captions `share` times as long as the average."""
        return self.k1 * (1 - self.b + self.b * share)


def rarity(captions: int, having: int) -> float:
    """Return the idf of a word that `having` of `captions` captions have."""
    return math.log(1 + (captions - having + 0.5) / (having + 0.5))


@dataclass(frozen=True)
class Pool:
    """What a collection says about words: how many captions there are, and have each word.

    `average` is the mean number of words of a caption.
    """

    captions: int
    average: float
    having: Callable[[str], int]

    def score(self, formula: Formula, query: Sequence[str], text: Sequence[str]) -> float:
        """Return the score of a text of any origin, by the rarities of this pool."""
        counts = Counter(text)
        # Where no caption has words, there is no average to be longer than.
        norm = formula.norm(len(text) / self.average if self.average else 1.0)
        return math.fsum(
            times * rarity(self.captions, self.having(word)) * counts[word] / (counts[word] + norm)
            for word, times in Counter(query).items()
            if word in counts
        )
