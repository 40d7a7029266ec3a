"""The base of conditioners for generators that paint from text only: the prompt as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from imagerag.component_config import ComponentConfig
from imagerag.errors import CapabilityError
from imagerag.roles import Conditioner
from imagerag.values import Ability, Capability, Guidance, Reference


class PlainConditionerConfig(ComponentConfig):
    """Options of a conditioner that passes the prompt on."""

    negative_prompt: str | None = Field(
        None, description="What to keep away from; by default what the generator's options say."
    )


class PlainConditioner(Conditioner):
    """Passes the prompt on."""

    needs: ClassVar[frozenset[Ability]] = frozenset({"text"})

    name: ClassVar[str]
    """What the offer calls it, for messages."""

    advice: ClassVar[str] = (
        "Set loop.gate = 'never' for a baseline, or choose a generator that takes references, with "
        "its conditioner: `imagerag plugins list --role generator`."
    )
    """What to do where there are references, as a sentence."""

    config: PlainConditionerConfig

    def condition(
        self,
        prompt: str,
        references: Sequence[Reference],
        capability: Capability,
        *,
        seed: int,
        size: tuple[int, int] | None = None,
    ) -> Guidance:
        """Return the plain prompt as guidance.

        Raises:
            CapabilityError: There are references; this conditioner has no words for them.
        """
        if references:
            given = "1 reference" if len(references) == 1 else f"{len(references)} references"
            raise CapabilityError(
                f"{given}, but the conditioner {self.name!r} is for text only. {self.advice}"
            )
        width, height = size or (None, None)
        negative = self.config.negative_prompt
        return Guidance(prompt, seed, negative_prompt=negative, width=width, height=height)
