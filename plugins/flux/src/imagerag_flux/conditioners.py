"""The conditioners: what FLUX is told, and how strongly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from imagerag.errors import CapabilityError
from imagerag.roles import Conditioner
from imagerag.values import Ability, Capability, Guidance, Reference
from imagerag_diffusers.captions import caption_of
from imagerag_diffusers.numbered import NumberedConditioner
from imagerag_diffusers.plain import PlainConditioner

if TYPE_CHECKING:
    from imagerag_flux.config import (
        CaptionedConditionerConfig,
        Flux2ConditionerConfig,
        FluxConditionerConfig,
        FluxKontextConditionerConfig,
        FluxReduxConditionerConfig,
    )


class FluxConditioner(PlainConditioner):
    """Passes the prompt on, for a generator that paints from text only."""

    name = "flux"
    advice = (
        "Set generator.use and conditioner.use to 'flux-kontext' or 'flux-redux' for them, or "
        "loop.gate = 'never' for a baseline."
    )

    config: FluxConditionerConfig


class FluxKontextConditioner(Conditioner):
    """Writes "According to this image of {caption}, generate {prompt}" for one image in context."""

    needs: ClassVar[frozenset[Ability]] = frozenset({"text", "in-context"})

    config: FluxKontextConditionerConfig

    def condition(
        self,
        prompt: str,
        references: Sequence[Reference],
        capability: Capability,
        *,
        seed: int,
        size: tuple[int, int] | None = None,
    ) -> Guidance:
        """Return guidance: the prompt as it is without a reference, the paper's words with one.

        Raises:
            CapabilityError: More than one reference, or more than the generator takes.
        """
        most = min(1, capability.max_references)
        if len(references) > most:
            raise CapabilityError(
                f"{len(references)} references, but the conditioner 'flux-kontext' has words for "
                f"one image, and the generator takes at most {capability.max_references}. Set "
                "loop.max_references = 1, or use 'flux2-klein' with the conditioner 'flux2' for "
                "several."
            )
        if any(reference.strength is not None for reference in references):
            self.context.decide(
                "condition", "leave the strength aside", "Kontext sees its image in full"
            )
        width, height = size or (None, None)
        return Guidance(
            prompt=_worded(prompt, references, self.config, self.config.one),
            seed=seed,
            references=tuple(references),
            negative_prompt=self.config.negative_prompt,
            width=width,
            height=height,
        )

    def versions(self) -> Mapping[str, str]:
        """Return the wording, which the configuration may change."""
        return {"one": self.config.one}


class FluxReduxConditioner(Conditioner):
    """Names the captions of images that enter beside the text, and weighs each."""

    needs: ClassVar[frozenset[Ability]] = frozenset({"text", "image-prompt"})

    config: FluxReduxConditionerConfig

    def condition(
        self,
        prompt: str,
        references: Sequence[Reference],
        capability: Capability,
        *,
        seed: int,
        size: tuple[int, int] | None = None,
    ) -> Guidance:
        """Return guidance: the prompt as it is without references, else worded, with strengths.

        Raises:
            CapabilityError: More references than the generator takes.
        """
        if len(references) > capability.max_references:
            raise CapabilityError(
                f"{len(references)} references, but the generator takes at most "
                f"{capability.max_references}. Give fewer, or raise its max_references."
            )
        template = self.config.one if len(references) == 1 else self.config.many
        scales = [
            self.config.scale if reference.strength is None else reference.strength
            for reference in references
        ]
        width, height = size or (None, None)
        return Guidance(
            prompt=_worded(prompt, references, self.config, template),
            seed=seed,
            references=tuple(references),
            negative_prompt=self.config.negative_prompt,
            width=width,
            height=height,
            options={"scale": scales} if scales else {},
        )

    def versions(self) -> Mapping[str, str]:
        """Return the wording, which the configuration may change."""
        return {"one": self.config.one, "many": self.config.many}


class Flux2Conditioner(NumberedConditioner):
    """Writes "According to image 1 of {caption}, image 2 of {caption}, generate {prompt}"."""

    name = "flux2"

    config: Flux2ConditionerConfig


def _worded(
    prompt: str,
    references: Sequence[Reference],
    config: CaptionedConditionerConfig,
    template: str,
) -> str:
    """Return the prompt in the configured wording; equal captions are named once."""
    if not references:
        return prompt
    captions = [caption_of(reference, prompt, config.max_caption) for reference in references]
    named = list(dict.fromkeys(caption for caption in captions if caption))
    if not named:
        return config.uncaptioned.format(prompt=prompt)
    return template.format(caption=named[0], captions=", ".join(named), prompt=prompt)
