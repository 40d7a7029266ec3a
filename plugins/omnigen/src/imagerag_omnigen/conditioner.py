"""The conditioner "omnigen": the paper's wording for references inside the prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from imagerag.errors import CapabilityError
from imagerag.roles import Conditioner
from imagerag.values import Ability, Capability, Guidance, Reference
from imagerag_omnigen.placeholders import without_markup
from imagerag_omnigen.wording import grouped, worded

if TYPE_CHECKING:
    from imagerag_omnigen.config import OmniGenConditionerConfig


class OmniGenConditioner(Conditioner):
    """Writes "According to these images of {caption}: {placeholders}, …, generate {prompt}".

    It numbers images by the generator's own `reference_syntax`, so it also serves other generators
    that read their references inside the prompt.
    """

    needs: ClassVar[frozenset[Ability]] = frozenset({"text", "in-context"})

    config: OmniGenConditionerConfig

    def condition(
        self,
        prompt: str,
        references: Sequence[Reference],
        capability: Capability,
        *,
        seed: int,
        size: tuple[int, int] | None = None,
    ) -> Guidance:
        """Return guidance: the prompt alone without references, the paper's words with them.

        The user's own images come first, and images of one caption together; the guidance holds
        the references in the order of their numbers. Markup in the prompt that OmniGen would take
        for an image is removed, and the removal recorded.

        Raises:
            CapabilityError: More references than the generator takes, a generator that has no
                syntax for them, or a prompt of nothing but markup.
        """
        syntax = capability.reference_syntax
        if len(references) > capability.max_references:
            raise CapabilityError(
                f"{len(references)} references, but the generator takes at most "
                f"{capability.max_references}. Give fewer, or raise its max_references."
            )
        if references and "{k}" not in syntax:
            raise CapabilityError(
                "The conditioner 'omnigen' names references inside the prompt, and this generator "
                f"has no syntax for that (reference_syntax is {syntax!r}). Set conditioner.use to "
                "the generator's own conditioner."
            )
        text = self._plain(prompt)
        groups = grouped(references, prompt, self.config)
        ordered = tuple(reference for group in groups for reference in group.references)
        if any(reference.strength is not None for reference in ordered):
            self.context.decide(
                "condition",
                "leave strengths aside",
                "OmniGen weighs all its images together, by img_guidance_scale",
            )
        width, height = size or (None, None)
        return Guidance(
            prompt=worded(text, groups, syntax, self.config) if groups else text,
            seed=seed,
            references=ordered,
            width=width,
            height=height,
        )

    def versions(self) -> Mapping[str, str]:
        """Return the wording, which the configuration may change."""
        return {"template": self.config.template, "group": self.config.group}

    def _plain(self, prompt: str) -> str:
        text = without_markup(prompt)
        if text == prompt:
            return prompt
        if not text.strip():
            raise CapabilityError(
                f"The prompt {prompt!r} is nothing but image markup: say in words what to paint. "
                "References are named by the conditioner."
            )
        self.context.decide(
            "condition",
            "remove image markup from the prompt",
            f"OmniGen would take it for images; what is left: {text[:120]!r}",
        )
        return text
