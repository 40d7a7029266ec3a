"""The conditioner "rdm": the prompt as it is, and its references as a set of neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from imagerag.errors import CapabilityError
from imagerag.roles import Conditioner
from imagerag.values import Ability, Capability, Facts, Guidance, Reference

if TYPE_CHECKING:
    from imagerag_rdm.config import RDMConditionerConfig


class RDMConditioner(Conditioner):
    """Hands prompt and references over, and writes down how many neighbours there are.

    The references have no place in the text, and no weights: the model attends to all of them
    alike.
    """

    needs: ClassVar[frozenset[Ability]] = frozenset({"text", "image-prompt"})

    config: RDMConditionerConfig

    def condition(
        self,
        prompt: str,
        references: Sequence[Reference],
        capability: Capability,
        *,
        seed: int,
        size: tuple[int, int] | None = None,
    ) -> Guidance:
        """Return the prompt with its references.

        Raises:
            CapabilityError: More references than the generator takes.
        """
        count = len(references)
        if count > capability.max_references:
            raise CapabilityError(
                f"{count} references, but the generator takes at most "
                f"{capability.max_references}. Give fewer, or raise its k (up to 20)."
            )
        if count:
            neighbours = "1 neighbour" if count == 1 else f"{count} neighbours"
            reason = f"each as one CLIP embedding; at most {capability.max_references} fit"
            self.context.decide("condition", f"show {neighbours}", reason)
        if any(reference.strength is not None for reference in references):
            reason = "this model attends to all of its neighbours alike"
            self.context.decide("condition", "leave the references' strengths out", reason)
        width, height = size or (None, None)
        options = {} if self.config.query is None else {"query": self.config.query}
        return Guidance(
            prompt, seed, tuple(references), width=width, height=height, options=options
        )

    def facts(self) -> Facts:
        """Say what it does."""
        return Facts(
            implementation="the prompt as it is, references as a set",
            usd_per_picture=0.0,
            proven="with the generator 'rdm' on tiny random models",
        )
