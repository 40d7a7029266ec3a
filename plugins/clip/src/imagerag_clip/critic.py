"""The critic `clip`: says what a picture lacks, with no key and no network."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from imagerag.errors import ImageError
from imagerag.roles import Context, Critic, CriticAbility
from imagerag.values import Comparison, Concept, Malformed, Matches, Missing, Review
from imagerag_clip.contrast import ContrastSet
from imagerag_clip.scoring import ConceptScorer
from imagerag_clip.sharing import SharedModel
from imagerag_clip.splitting import Phrase, split_prompt
from imagerag_clip.wording import caption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from imagerag.roles import Vectors
    from imagerag_clip.config import ClipCriticConfig

FLOOR = 1e-6
"""Smallest probability whose logarithm counts: below it the model has no opinion left."""

EQUAL = 1e-6
"""Scores and cosines closer than this are equal: float32 products differ by as much by batch."""


@dataclass(frozen=True)
class Finding:
    """What the critic found of one concept: its probability, and the name that fits best."""

    phrase: Phrase
    probability: float
    seen: str


class ClipCritic(Critic):
    """Splits a prompt into its concepts and scores each against a contrast set.

    Of a picture and a concept the question is "this, or one of these?" and not "how similar?":
    cosines of one text depend on the text, probabilities among named alternatives can share one
    threshold. A concept counts as present from the threshold of its kind on.

    The prompt is data: any text gives a review. `temperature` has no effect, the same question
    has the same answer.
    """

    abilities: ClassVar[frozenset[CriticAbility]] = frozenset({"plan", "compare", "caption"})

    config: ClipCriticConfig

    def __init__(self, config: ClipCriticConfig, context: Context) -> None:
        super().__init__(config, context)
        self._shared = SharedModel(config)
        self._scorer: ConceptScorer | None = None
        self._lock = threading.Lock()

    @property
    def scorer(self) -> ConceptScorer:
        """What scores concepts; reads the contrast set on first use."""
        with self._lock:
            if self._scorer is None:
                self._scorer = ConceptScorer(
                    ContrastSet.load(self.config.contrast),
                    self.config.captions,
                    lambda texts: self._shared.model.encode_texts(texts, self.config.batch_size),
                    lambda: self._shared.model.logit_scale,
                )
            return self._scorer

    def phrases(self, prompt: str) -> list[Phrase]:
        """Return the concepts of `prompt`, objects first."""
        return split_prompt(prompt, self.scorer.contrast.kinds)

    def encode_images(self, images: Sequence[Image]) -> Vectors:
        """Return the unit vectors that the critic sees of pictures, shape (len(images), dim)."""
        return self._shared.model.encode_images(images, self.config.batch_size)

    def review(self, image: Image, prompt: str, *, temperature: float = 0.0) -> Review:
        """Say which concepts of `prompt` the picture lacks; scores are probabilities."""
        phrases = self.phrases(prompt)
        judged = [phrase for phrase in phrases if self.scorer.judges(phrase)]
        if not judged:
            return Malformed(_nothing(phrases))
        try:
            vector = self.encode_images([image])
        except ImageError as error:
            return Malformed(str(error))
        findings = self._findings(vector, judged)
        lacking = [f for f in findings if f.probability < self._threshold(f.phrase)]
        note = "; ".join(self._note(finding) for finding in findings)
        if unjudged := [phrase.name for phrase in phrases if phrase not in judged]:
            note += f"; not judged for want of a contrast: {', '.join(unjudged)}"
        present = tuple(self._concept(f) for f in findings if f not in lacking)
        if not lacking:
            return Matches(note, present)
        return Missing(tuple(self._concept(f) for f in lacking), present, note)

    def plan(self, prompt: str, *, temperature: float = 0.0) -> Review:
        """Name all concepts of `prompt`, as a painter must know them."""
        phrases = self.phrases(prompt)
        if not phrases:
            return Malformed(_nothing(phrases))
        return Missing(tuple(Concept(p.name, self.scorer.caption(p)) for p in phrases))

    def compare(self, prompt: str, a: Image, b: Image) -> Comparison:
        """Say which picture fits better, by the same probabilities that `review` uses.

        The score is the mean natural logarithm of the probabilities of the prompt's concepts, 0
        at best; of equal ones, the cosine with the whole prompt decides. Where no concept can be
        judged the cosines are the scores. Scores that differ by less than `margin` are a tie: a
        critic that is sure of neither picture has no reason to prefer one. A picture that cannot
        be read loses.
        """
        vectors = [self._seen(a), self._seen(b)]
        if vectors[0] is None or vectors[1] is None:
            readable = [vector is not None for vector in vectors]
            better = "a" if readable[0] else "b" if readable[1] else "tie"
            return Comparison(better, note="a picture cannot be read")  # type: ignore[arg-type]
        import numpy as np

        both = np.concatenate([vectors[0], vectors[1]])
        text = self._shared.model.encode_texts([prompt])
        cosines = (both @ text.T)[:, 0]
        judged = [phrase for phrase in self.phrases(prompt) if self.scorer.judges(phrase)]
        scores = cosines
        if judged:
            shares = np.stack([self.scorer.probabilities(both, p, judged) for p in judged])
            scores = np.log(np.maximum(shares, FLOOR)).mean(axis=0)
        note = "mean log-probability of the concepts" if judged else "cosine with the prompt"
        first, second = float(scores[0]), float(scores[1])
        gap, least = first - second, self.config.margin if judged else EQUAL
        if abs(gap) <= EQUAL:
            gap, least = float(cosines[0] - cosines[1]), EQUAL
            note += ", then cosine with the prompt"
        if abs(gap) <= least:
            return Comparison("tie", first, second, note)
        return Comparison("a" if gap > 0 else "b", first, second, note)

    def caption(self, image: Image) -> str:
        """Name the object and background of the contrast set that fit a picture best."""
        vector = self.encode_images([image])
        kinds = self.scorer.contrast.kinds
        shown = self.scorer.best(vector, "object" if "object" in kinds else next(iter(kinds)))
        template = self.config.description
        if "background" not in kinds or "{background}" not in template:
            return self.scorer.caption(Phrase(shown, "object"))
        behind = self.scorer.best(vector, "background")
        text = caption(template.replace("{object}", "{name}"), shown)
        return caption(text.replace("{background}", "{name}"), behind)

    def versions(self) -> Mapping[str, str]:
        """Return the model, its revision and its space."""
        return self._shared.versions()

    def close(self) -> None:
        """Let go of the model and of what was computed with it."""
        self._shared.close()
        with self._lock:
            self._scorer = None

    def _seen(self, image: Image) -> Vectors | None:
        try:
            return self.encode_images([image])
        except ImageError:
            return None

    def _findings(self, vector: Vectors, judged: list[Phrase]) -> list[Finding]:
        found = []
        for phrase in judged:
            names, shares = self.scorer.shares(vector, phrase, judged)
            found.append(Finding(phrase, float(shares[0, 0]), names[int(shares[0].argmax())]))
        return found

    def _threshold(self, phrase: Phrase) -> float:
        thresholds = self.config.thresholds
        return thresholds.get(phrase.kind, thresholds["object"])

    def _concept(self, finding: Finding) -> Concept:
        phrase = finding.phrase
        return Concept(phrase.name, self.scorer.caption(phrase), round(finding.probability, 6))

    def _note(self, finding: Finding) -> str:
        phrase, seen = finding.phrase, finding.seen
        text = f"{phrase.name} {finding.probability:.3f}"
        text += f" (present from {self._threshold(phrase):.3f}"
        return text + (f", looks more like {seen!r})" if seen != phrase.name else ")")


def _nothing(phrases: Sequence[Phrase]) -> str:
    if not phrases:
        return "the prompt names nothing to look for"
    names = ", ".join(phrase.name for phrase in phrases)
    return f"the contrast set has nothing to compare these concepts with: {names}"
