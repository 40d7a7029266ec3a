"""The critic `clip`: says what a picture lacks, with no key and no network."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from imagerag.errors import ImageError
from imagerag.roles import Context, Critic, CriticAbility
from imagerag.values import (
    Choice,
    Comparison,
    Concept,
    EditPlan,
    Edits,
    Facts,
    Malformed,
    Matches,
    Missing,
    Review,
)
from imagerag_clip.contrast import ContrastSet
from imagerag_clip.facts import facts_of
from imagerag_clip.findings import Examination, Finding
from imagerag_clip.preference import EQUAL, Preference, prefer
from imagerag_clip.scoring import ConceptScorer
from imagerag_clip.sharing import SharedModel
from imagerag_clip.splitting import Phrase, split_prompt
from imagerag_clip.wording import caption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from imagerag.roles import Vectors
    from imagerag_clip.config import ClipCriticConfig

PROVEN = (
    "on the sandbox's pool of 1,000 pictures 'missing' has a precision of .985 or better at a "
    "recall of 1.0 (its README); the formulas, on tiny random CLIPs and SigLIPs"
)


class ClipCritic(Critic):
    """Splits a prompt into its concepts and scores each against a contrast set.

    Of a picture and a concept the question is "this, or one of these?" and not "how similar?":
    cosines of one text depend on the text, probabilities among named alternatives can share one
    threshold. A concept counts as present from the threshold of its kind on.

    The prompt is data: any text gives a review. `temperature` has no effect, the same question
    has the same answer.
    """

    abilities: ClassVar[frozenset[CriticAbility]] = frozenset(
        {"plan", "compare", "caption", "choose", "edits"}
    )

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
        found = self._examine(image, prompt)
        if isinstance(found, Malformed):
            return found
        present = tuple(finding.concept for finding in found.present)
        if not found.missing:
            return Matches(found.note, present)
        return Missing(tuple(finding.concept for finding in found.missing), present, found.note)

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

        found = self._prefer(prompt, np.concatenate([vectors[0], vectors[1]]))
        first, second = found.scores
        gap, note = first - second, found.note
        least = self.config.margin if found.judged else EQUAL
        if abs(gap) <= EQUAL:
            gap, least = found.cosines[0] - found.cosines[1], EQUAL
            note += ", then cosine with the prompt"
        if abs(gap) <= least:
            return Comparison("tie", first, second, note)
        return Comparison("a" if gap > 0 else "b", first, second, note)

    def choose(self, text: str, images: Sequence[Image]) -> Choice:
        """Order pictures by the scores of `compare`, the best first, without its margin.

        All of them are named; those that cannot be read come last. Pictures with the same score
        are ordered by their cosine with the text, then as they were given. The order is empty
        where no picture can be read.
        """
        import numpy as np

        vectors = self._seen_all(images)
        seen = [at for at, vector in enumerate(vectors) if vector is not None]
        if not seen:
            return Choice(note="no picture can be read" if images else "no picture was given")
        found = self._prefer(text, np.concatenate([v for v in vectors if v is not None]))
        order = [seen[at] for at in found.order()]
        note = found.note
        if unread := [at for at, vector in enumerate(vectors) if vector is None]:
            note += f"; cannot be read, and last: {', '.join(f'picture {at}' for at in unread)}"
        return Choice((*order, *unread), note)

    def edits(self, image: Image, prompt: str, *, temperature: float = 0.0) -> EditPlan:
        """Ask for one edit per concept that `review` finds missing, in the same order.

        What a local critic can say is limited to that: it names what to add or to change, not
        where, nor what to remove.
        """
        found = self._examine(image, prompt)
        if isinstance(found, Malformed):
            return found
        wording = self.config.instructions
        instructions = tuple(
            caption(wording.get(lack.phrase.kind, wording["object"]), lack.phrase.name)
            for lack in found.missing
        )
        return Edits(instructions, found.note)

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

    def facts(self) -> Facts:
        """Return the model, its revision and licence."""
        return facts_of(self.config, PROVEN)

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

    def _seen_all(self, images: Sequence[Image]) -> list[Vectors | None]:
        try:
            vectors = self.encode_images(images)
        except ImageError:  # one of them; which, only a second look can say
            return [self._seen(image) for image in images]
        return [vectors[at : at + 1] for at in range(len(images))]

    def _prefer(self, prompt: str, vectors: Vectors) -> Preference:
        text = self._shared.model.encode_texts([prompt])
        return prefer(self.scorer, self.phrases(prompt), text, vectors)

    def _examine(self, image: Image, prompt: str) -> Examination | Malformed:
        phrases = self.phrases(prompt)
        judged = [phrase for phrase in phrases if self.scorer.judges(phrase)]
        if not judged:
            return Malformed(_nothing(phrases))
        try:
            vector = self.encode_images([image])
        except ImageError as error:
            return Malformed(str(error))
        findings = tuple(self._finding(vector, phrase, judged) for phrase in judged)
        return Examination(findings, tuple(p.name for p in phrases if p not in judged))

    def _finding(self, vector: Vectors, phrase: Phrase, judged: Sequence[Phrase]) -> Finding:
        names, shares = self.scorer.shares(vector, phrase, judged)
        thresholds = self.config.thresholds
        return Finding(
            phrase,
            float(shares[0, 0]),
            thresholds.get(phrase.kind, thresholds["object"]),
            names[int(shares[0].argmax())],
            self.scorer.caption(phrase),
        )


def _nothing(phrases: Sequence[Phrase]) -> str:
    if not phrases:
        return "the prompt names nothing to look for"
    names = ", ".join(phrase.name for phrase in phrases)
    return f"the contrast set has nothing to compare these concepts with: {names}"
