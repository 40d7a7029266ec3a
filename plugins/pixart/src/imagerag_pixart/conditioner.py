"""The conditioner "pixart": the prompt as it is, for generators that paint from text only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from imagerag.errors import CapabilityError
from imagerag.roles import Conditioner
from imagerag.values import Ability, Capability, Guidance, Reference

if TYPE_CHECKING:
    from imagerag_pixart.config import PixArtConditionerConfig


class PixArtConditioner(Conditioner):
    """Passes the prompt on."""

    needs: ClassVar[frozenset[Ability]] = frozenset({"text"})

    config: PixArtConditionerConfig

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
            raise CapabilityError(
                f"{len(references)} references, but the conditioner 'pixart' is for text only. Set "
                "loop.gate = 'never' for a baseline, or choose a generator that takes references "
                "with its conditioner: `imagerag plugins list --role generator`."
            )
        width, height = size or (None, None)
        return Guidance(
            prompt=prompt,
            seed=seed,
            negative_prompt=self.config.negative_prompt,
            width=width,
            height=height,
        )
