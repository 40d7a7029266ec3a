"""The best rows of an index for a query, exactly, without scoring every row that has a word of it.

Words are taken the weightiest first. Once the words that are left could not lift a row that has
none of the others among the best, only the rows seen so far are looked at any more (MaxScore;
Turtle and Flood, 1995). Those near the end of the list are then scored again, word by word in
alphabetical order, so that equal captions have equal scores however the index came about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from imagerag_bm25.formula import Formula, Pool, rarity
from imagerag_bm25.store import CaptionStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SLACK = 1e-9
"""Relative room for rounding wherever scores that were summed in another order are compared."""


@dataclass(frozen=True)
class Postings:
    """One word in one segment: the rows that have it and how often, dead ones included.

    `first` is the number of the segment's first row among all rows.
    """

    first: int
    rows: NDArray[np.uint32]
    counts: NDArray[np.uint16]


@dataclass(frozen=True)
class Term:
    """One word of a query: what it is worth, and at most in any caption."""

    word: str
    weight: float
    bound: float
    postings: tuple[Postings, ...]


class Ranking:
    """Scores the rows of a store, which must not change any more."""

    def __init__(self, store: CaptionStore, formula: Formula) -> None:
        """Count the store's captions; each row's length is read once."""
        import numpy as np

        self.store = store
        self._formula = formula
        self._any_dead = bool(store.dead.any())
        lengths = [one.lengths for one in store.segments]
        joined = np.concatenate(lengths) if lengths else np.zeros(0, dtype=np.uint32)
        alive = joined[~store.dead]
        captions = int(np.count_nonzero(alive))
        average = int(alive.sum(dtype=np.int64)) / captions if captions else 0.0
        self.pool = Pool(captions, average, lru_cache(maxsize=10_000)(self._having))
        self._norms = formula.norm(joined / (average or 1.0))
        self._shortest = int(alive[alive > 0].min()) if captions else 0

    def best(
        self, query: Sequence[str], count: int
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Return scores and ids of the `count` best rows that have a word of the query.

        Scores descend, equal ones come in the order of ids. There are fewer where fewer have one.
        """
        import numpy as np

        terms = [
            term for word, times in Counter(query).items() if (term := self._term(word, times))
        ]
        rows, scores = self._score_all(self._candidates(terms, count), terms)
        if len(rows) > count:
            least = np.partition(scores, len(scores) - count)[len(scores) - count]
            rows, scores = rows[scores >= least], scores[scores >= least]
        ids = self.store.ids(rows)
        words = ids.view(">u8")
        order = np.lexsort((words[:, 3], words[:, 2], words[:, 1], words[:, 0], -scores))[:count]
        return scores[order], ids[order]

    def _candidates(self, terms: list[Term], count: int) -> NDArray[np.int64]:
        """Return rows, ascending, among which the `count` best are, and all that tie with them."""
        import numpy as np

        terms = sorted(terms, key=lambda term: (-term.bound, term.word))
        left = [*accumulate((term.bound for term in reversed(terms)), initial=0.0)][::-1]
        scores = np.zeros(self.store.rows)
        seen = [np.zeros(0, dtype=np.int64)]
        floor = _Floor(count)
        for done, term in enumerate(terms):
            if floor.rules_out(left[done]):
                break
            for rows, gains in self._gains(term):
                before = scores[rows]
                scores[rows] = before + gains
                seen.append(rows[before == 0])
                floor.rise(scores, rows)
        else:
            done = len(terms)
        found = np.concatenate(seen)
        found = np.sort(found[~floor.below(scores[found] + left[done])])
        for number in range(done, len(terms)):
            self._add(terms[number], scores, found)
            floor.rise(scores, found)
            found = found[~floor.below(scores[found] + left[number + 1])]
        return found

    def _gains(self, term: Term) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Yield, for each segment, the living rows that have a word and what it adds to each."""
        import numpy as np

        for part in term.postings:
            rows, counts = np.add(part.rows, part.first, dtype=np.int64), part.counts
            if self._any_dead:
                alive = ~self.store.dead[rows]
                rows, counts = rows[alive], counts[alive]
            yield rows, term.weight * (counts / (counts + self._norms[rows]))

    def _add(self, term: Term, scores: NDArray[np.float64], rows: NDArray[np.int64]) -> None:
        """Add what a word is worth to those of `rows`, all different, that have it."""
        import numpy as np

        for part in term.postings:
            here = rows[(rows >= part.first) & (rows <= part.first + int(part.rows[-1]))]
            local = (here - part.first).astype(np.uint32)  # or all of part.rows would be converted
            at = np.searchsorted(part.rows, local)
            have = part.rows[at] == local
            here, counts = here[have], part.counts[at[have]]
            scores[here] += term.weight * (counts / (counts + self._norms[here]))

    def _score_all(
        self, rows: NDArray[np.int64], terms: list[Term]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return rows with their scores, each summed in the same order of words."""
        import numpy as np

        scores = np.zeros(self.store.rows)
        for term in sorted(terms, key=lambda term: term.word):
            self._add(term, scores, rows)
        return rows, scores[rows]

    def _term(self, word: str, times: int) -> Term | None:
        """Return a word of a query with its postings, None where no living row has it."""
        postings = tuple(self._postings(word))
        having = self._alive(postings)
        if not having:
            return None
        weight = times * rarity(self.pool.captions, having)
        most = max(int(part.counts.max()) for part in postings)
        # A caption in which a word stands `most` times has at least that many words.
        norm = self._formula.norm(max(most, self._shortest) / self.pool.average)
        return Term(word, weight, weight * most / (most + norm), postings)

    def _postings(self, word: str) -> Iterator[Postings]:
        first, sought = 0, word.encode()
        for segment in self.store.segments:
            if (where := segment.find(sought)) is not None:
                yield Postings(first, segment.rows[where], segment.counts[where])
            first += len(segment)

    def _alive(self, postings: Sequence[Postings]) -> int:
        if not self._any_dead:
            return sum(len(part.rows) for part in postings)
        dead = self.store.dead
        return sum(len(part.rows) - int(dead[part.first :][part.rows].sum()) for part in postings)

    def _having(self, word: str) -> int:
        """Return how many living captions have a word."""
        return self._alive(tuple(self._postings(word)))


class _Floor:
    """The score that the last of the best rows has reached so far: it only ever rises."""

    def __init__(self, count: int) -> None:
        import numpy as np

        self._count = count
        self._best: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._value = 0.0

    def rise(self, scores: NDArray[np.float64], rows: NDArray[np.int64]) -> None:
        """Take note that `rows`, all different and ascending, have scores that may have grown."""
        import numpy as np

        if not len(rows):
            return
        best = self._best
        at = np.searchsorted(rows, best).clip(max=len(rows) - 1)
        others = best[rows[at] != best]
        best = np.concatenate([others, rows[scores[rows] >= self._value]])
        if len(best) > self._count:
            values = scores[best]
            order = np.argpartition(values, len(values) - self._count)[-self._count :]
            best = best[order]
        self._best = best
        if len(best) == self._count:
            self._value = float(scores[best].min())

    def rules_out(self, score: float) -> bool:
        """Whether a row that reaches `score` at most is not among the best."""
        return score * (1 + SLACK) < self._value

    def below(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of these most possible scores are not among the best."""
        return scores * (1 + SLACK) < self._value
