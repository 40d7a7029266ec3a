"""The conditioner "sdxl": the paper's wording for a generator with an image prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from imagerag.errors import CapabilityError
from imagerag.roles import Conditioner
from imagerag.values import Ability, Capability, Guidance, Reference
from imagerag_sdxl.wording import worded

if TYPE_CHECKING:
    from imagerag_sdxl.config import SDXLConditionerConfig


class SDXLConditioner(Conditioner):
    """Writes "According to this image of {caption}, generate {prompt}" and weighs references."""

    needs: ClassVar[frozenset[Ability]] = frozenset({"text", "image-prompt"})

    config: SDXLConditionerConfig

    def condition(
        self,
        prompt: str,
        references: Sequence[Reference],
        capability: Capability,
        *,
        seed: int,
        size: tuple[int, int] | None = None,
    ) -> Guidance:
        """Return guidance: the prompt as it is without references, the paper's words with them.

        Raises:
            CapabilityError: More references than the generator takes.
        """
        if len(references) > capability.max_references:
            raise CapabilityError(
                f"{len(references)} references, but the generator takes at most "
                f"{capability.max_references}. Give fewer, or raise its max_references."
            )
        width, height = size or (None, None)
        return Guidance(
            prompt=worded(prompt, references, self.config) if references else prompt,
            seed=seed,
            references=tuple(references),
            negative_prompt=self.config.negative_prompt,
            width=width,
            height=height,
            options=self._options(references),
        )

    def versions(self) -> Mapping[str, str]:
        """Return the wording, which the configuration may change."""
        return {"one": self.config.one, "many": self.config.many}

    def _options(self, references: Sequence[Reference]) -> dict[str, Any]:
        if not references:
            return {}
        masks = [
            None if index >= len(self.config.masks) else self.config.masks[index]
            for index in range(len(references))
        ]
        masked = any(mask is not None for mask in masks)
        options: dict[str, Any] = {"scale": self._scale(references, masked)}
        if masked:
            options["masks"] = [None if mask is None else list(mask) for mask in masks]
        return options

    def _scale(self, references: Sequence[Reference], masked: bool) -> Any:
        """Return one weight for all, or one each where masks make that possible."""
        scale = self.config.scale
        strengths = [reference.strength for reference in references]
        if isinstance(scale, dict):
            return _times(scale, _mean([1.0 if own is None else own for own in strengths]))
        each = [scale if own is None else own for own in strengths]
        return each if masked and len(set(each)) > 1 else _mean(each)


def _mean(values: Sequence[float]) -> float:
    # Equal values are kept as they are: a sum of tenths would not give the tenth back.
    return values[0] if len(set(values)) == 1 else sum(values) / len(values)


def _times(scale: Any, factor: float) -> Any:
    if isinstance(scale, dict):
        return {key: _times(value, factor) for key, value in scale.items()}
    if isinstance(scale, list):
        return [_times(value, factor) for value in scale]
    return scale * factor
