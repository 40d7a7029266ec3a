"""The conditioner `gpt-image`: says of each reference, by its number, what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from imagerag.errors import CapabilityError
from imagerag.roles import Conditioner
from imagerag.text import clean
from imagerag.values import Ability, Capability, Guidance, Reference

if TYPE_CHECKING:
    from imagerag_openai.images.config import GPTImageConditionerConfig

TRAILING = " .,;:!?…"
"""Stripped from the end of a caption, which stands inside a sentence."""

_QUOTES = str.maketrans({'"': "'", "“": "'", "”": "'", "„": "'", "«": "'", "»": "'"})
"""A caption stands in quotation marks; its own must not end them."""


class GPTImageConditioner(Conditioner):
    """Writes `Image 1 shows "a hedgehog". With this image as a reference, generate: …`.

    The user's own images come first, then retrieved ones, each in the order in which they were
    given. Captions are data: cleaned, cut and quoted. The prompt is the user's, and stays as it is.
    """

    needs: ClassVar[frozenset[Ability]] = frozenset({"text", "in-context"})

    config: GPTImageConditionerConfig

    def condition(
        self,
        prompt: str,
        references: Sequence[Reference],
        capability: Capability,
        *,
        seed: int,
        size: tuple[int, int] | None = None,
    ) -> Guidance:
        """Return guidance: the prompt as it is without references, with them their list before it.

        Raises:
            CapabilityError: More references than the generator takes.
        """
        if len(references) > capability.max_references:
            raise CapabilityError(
                f"{len(references)} references, but the generator takes at most "
                f"{capability.max_references}. Give fewer, or raise its max_references."
            )
        ordered = sorted(references, key=lambda reference: reference.origin != "user")
        if any(reference.strength is not None for reference in ordered):
            self.context.decide(
                "condition",
                "leave the strengths of references out",
                "the images API has no weights for references",
            )
        width, height = size or (None, None)
        return Guidance(
            prompt=self._worded(prompt, ordered) if ordered else prompt,
            seed=seed,
            references=tuple(ordered),
            width=width,
            height=height,
        )

    def versions(self) -> Mapping[str, str]:
        """Return the wording, which the configuration may change."""
        config = self.config
        return {
            "captioned": config.captioned,
            "uncaptioned": config.uncaptioned,
            "one": config.one,
            "many": config.many,
        }

    def _worded(self, prompt: str, references: Sequence[Reference]) -> str:
        told = []
        for number, reference in enumerate(references, 1):
            if caption := self._caption(prompt, reference):
                told.append(self.config.captioned.format(k=number, caption=caption))
            else:
                told.append(self.config.uncaptioned.format(k=number))
        text = self.config.one if len(references) == 1 else self.config.many
        return text.format(images=" ".join(told), prompt=prompt)

    def _caption(self, prompt: str, reference: Reference) -> str:
        """Return a reference's cleaned caption, else its concept, or ""."""
        for text in (reference.caption, reference.concept):
            if reference.origin == "user" and clean(text) == clean(prompt):
                continue  # the prompt stands in for the caption of an image that came without one
            longest = self.config.max_caption
            whole = clean(text, longest + 1)
            short = whole[:longest]
            if len(whole) > longest and " " in short:
                short = short.rsplit(" ", 1)[0]
            if short := short.translate(_QUOTES).strip(TRAILING):
                return short
        return ""
