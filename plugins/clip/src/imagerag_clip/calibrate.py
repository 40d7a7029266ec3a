"""Find the threshold of the local critic from labelled pictures, and measure the critic with it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from imagerag.errors import UsageError
from imagerag_clip.splitting import Phrase

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag_clip.critic import ClipCritic

BATCH = 64
"""Pictures held at once while they are scored."""


@dataclass(frozen=True)
class Labelled:
    """A picture, a concept, and whether the picture shows it."""

    image: Image
    concept: str
    present: bool
    kind: str = "object"


@dataclass(frozen=True)
class Quality:
    """How well a threshold tells present from missing, on `samples` labelled pairs.

    `precision` and `recall` are those of "missing", the answer that makes the loop retrieve.
    `balanced_accuracy` is the mean of the recalls of "missing" and of "present". All are 0 to 1;
    a precision without any "missing" answer is 1.
    """

    threshold: float
    precision: float
    recall: float
    f1: float
    balanced_accuracy: float
    samples: int
    missing: int


def score(critic: ClipCritic, samples: Iterable[Labelled]) -> list[float]:
    """Return the critic's probability that each sample's picture shows its concept, in order."""
    found: list[float] = []
    batch: list[Labelled] = []
    for sample in samples:
        batch.append(sample)
        if len(batch) == BATCH:
            found += _score(critic, batch)
            batch = []
    return found + (_score(critic, batch) if batch else [])


def _score(critic: ClipCritic, batch: Sequence[Labelled]) -> list[float]:
    vectors = critic.encode_images([sample.image for sample in batch])
    return [
        float(
            critic.scorer.probabilities(vectors[at : at + 1], Phrase(sample.concept, sample.kind))[
                0
            ]
        )
        for at, sample in enumerate(batch)
    ]


def measure(scores: Sequence[float], present: Sequence[bool], threshold: float) -> Quality:
    """Return how well `threshold` does: a score from it on means "present".

    Raises:
        UsageError: The two sequences differ in length, or are empty.
    """
    if len(scores) != len(present) or not scores:
        raise UsageError(
            f"{len(scores)} scores do not go with {len(present)} labels: each sample needs both."
        )
    said = [value < threshold for value in scores]
    missing = sum(not there for there in present)
    there_count = len(present) - missing
    right = sum(says and not there for says, there in zip(said, present, strict=True))
    kept = sum(not says and there for says, there in zip(said, present, strict=True))
    precision = right / sum(said) if any(said) else 1.0
    recall = right / missing if missing else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    balanced = (recall + (kept / there_count if there_count else 1.0)) / 2
    return Quality(threshold, precision, recall, f1, balanced, len(scores), missing)


def best_threshold(
    scores: Sequence[float],
    present: Sequence[bool],
    objective: Literal["balanced_accuracy", "f1"] = "balanced_accuracy",
) -> Quality:
    """Return the threshold that maximises `objective`, and its quality.

    Every distinct cut between two neighbouring scores is tried. Among equally good cuts the one
    in the widest gap is taken, then the lowest: the same input gives the same threshold, and the
    threshold keeps its distance from both sides.

    Raises:
        UsageError: Labels of only one kind, from which nothing can be learned, or lengths differ.
    """
    if len(set(present)) < 2:
        raise UsageError("a threshold needs samples of both kinds: concepts present and missing.")
    values = sorted(set(scores))
    edges = [0.0, *values, 1.0]
    cuts = [(low, high) for low, high in itertools.pairwise(edges) if high > low]
    tried = [(measure(scores, present, (low + high) / 2), high - low) for low, high in cuts]
    if not tried:
        return measure(scores, present, 0.5)
    return max(tried, key=lambda pair: (getattr(pair[0], objective), pair[1], -pair[0].threshold))[
        0
    ]
