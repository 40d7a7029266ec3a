"""What the local critic found in one picture, and how it says so."""

from __future__ import annotations

from dataclasses import dataclass

from imagerag.values import Concept
from imagerag_clip.splitting import Phrase


@dataclass(frozen=True)
class Finding:
    """What was found of one concept.

    `probability` (0 to 1) is the concept's, `threshold` that from which it counts as present,
    `seen` the name that fits the picture best, `caption` the text that stands for the concept.
    """

    phrase: Phrase
    probability: float
    threshold: float
    seen: str
    caption: str

    @property
    def missing(self) -> bool:
        """Whether the picture lacks the concept."""
        return self.probability < self.threshold

    @property
    def concept(self) -> Concept:
        """The concept, with its probability as the score."""
        return Concept(self.phrase.name, self.caption, round(self.probability, 6))

    @property
    def note(self) -> str:
        """The finding in words."""
        text = f"{self.phrase.name} {self.probability:.3f} (present from {self.threshold:.3f}"
        named = self.seen != self.phrase.name
        return text + (f", looks more like {self.seen!r})" if named else ")")


@dataclass(frozen=True)
class Examination:
    """What was found of all concepts of a prompt, and the names of those without a contrast."""

    findings: tuple[Finding, ...]
    unjudged: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[Finding, ...]:
        """What the picture lacks, in the order of the prompt's concepts."""
        return tuple(finding for finding in self.findings if finding.missing)

    @property
    def present(self) -> tuple[Finding, ...]:
        """What was seen in it."""
        return tuple(finding for finding in self.findings if not finding.missing)

    @property
    def note(self) -> str:
        """All findings in words."""
        note = "; ".join(finding.note for finding in self.findings)
        if self.unjudged:
            note += f"; not judged for want of a contrast: {', '.join(self.unjudged)}"
        return note
