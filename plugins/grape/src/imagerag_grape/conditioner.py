"""The conditioner "grape": what the painter is told, and the bare prompt for the planner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imagerag.errors import CapabilityError
from imagerag.roles import Conditioner, Context
from imagerag.values import Capability, Facts, Guidance, Reference

if TYPE_CHECKING:
    from imagerag_grape.config import GrapeConditionerConfig


class GrapeConditioner(Conditioner):
    """Has another conditioner word the guidance, or leaves the prompt as it is.

    A painter's wording is not what the picture should show ("According to this image of …"), so
    the planner is told the user's own prompt, as `Guidance.options["prompt"]`.
    """

    config: GrapeConditionerConfig

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self._painter: Conditioner | None = (
            None if config.painter is None else context.parts["painter"][0]
        )

    def condition(
        self,
        prompt: str,
        references: Sequence[Reference],
        capability: Capability,
        *,
        seed: int,
        size: tuple[int, int] | None = None,
    ) -> Guidance:
        """Return the painter's guidance, with the user's prompt where the wording differs from it.

        Raises:
            CapabilityError: More references than the painter takes, or a wording that the painter
                does not understand.
        """
        if len(references) > capability.max_references:
            raise CapabilityError(
                f"{len(references)} references, but the painter takes at most "
                f"{capability.max_references}. Give fewer, or choose another painter."
            )
        if self._painter is None:
            width, height = size or (None, None)
            return Guidance(prompt, seed, tuple(references), width=width, height=height)
        if lacking := self._painter.needs - capability.abilities:
            raise CapabilityError(
                f"the conditioner {_use(self.config)!r} inside 'grape' needs {sorted(lacking)} of "
                f"the painter, which has {sorted(capability.abilities)}. Set [conditioner] painter "
                "to one that fits, or leave it out."
            )
        guidance = self._painter.condition(prompt, references, capability, seed=seed, size=size)
        if guidance.prompt == prompt:
            return guidance
        return replace(guidance, options={**guidance.options, "prompt": prompt})

    def facts(self) -> Facts:
        """Say whose wording it is."""
        return Facts(
            implementation="the prompt as it is"
            if self._painter is None
            else f"the wording of {_use(self.config)!r}",
            usd_per_picture=0.0,
            proven="with the wordings for SDXL and for OmniGen, and their generators",
        )


def _use(config: GrapeConditionerConfig) -> str:
    return str((config.painter or {}).get("use", ""))
