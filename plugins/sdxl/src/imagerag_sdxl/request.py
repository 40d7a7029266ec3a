"""From guidance to what one call of the pipeline needs, and which pictures may share a call."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagerag.errors import CapabilityError, suggestion
from imagerag_sdxl.masks import Mask, check_masks
from imagerag_sdxl.scales import Scale, check_scale, is_zero

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.values import Capability, Guidance
    from imagerag_sdxl.config import SDXLConfig

OPTIONS = ("scale", "masks")
"""What `Guidance.options` may hold for this generator."""

STEP = 8
"""diffusers paints widths and heights that are multiples of this many pixels."""


@dataclass(frozen=True)
class Request:
    """One picture, checked. `size` is (width, height), None for the model's own.

    Without references, or with a scale of zero, `images` is empty and `scale` is 0.
    """

    prompt: str
    negative: str | None
    seed: int
    images: tuple[Image, ...]
    size: tuple[int, int] | None
    scale: Scale
    masks: tuple[Mask, ...] | None

    def shape(self) -> str:
        """Return what pictures of one batch must have in common."""
        scale = json.dumps(self.scale, sort_keys=True)
        unconditional = self.negative is None
        masked = self.masks is not None
        return f"{self.size} {len(self.images)} {scale} {masked} {unconditional}"


def check_request(guidance: Guidance, config: SDXLConfig, capability: Capability) -> Request:
    """Return a request for one guidance.

    Raises:
        CapabilityError: It asks for more than the generator can do.
    """
    for option in guidance.options:
        if option not in OPTIONS:
            raise CapabilityError(
                f"The generator 'sdxl' has no option {option!r} in guidance."
                f"{suggestion(option, OPTIONS)} Known: {', '.join(OPTIONS)}."
            )
    count = len(guidance.references)
    if count > capability.max_references:
        raise CapabilityError(
            f"{count} references, but the generator 'sdxl' "
            + (
                f"takes at most {capability.max_references} (max_references)."
                if config.takes_references
                else "has no adapter, so it takes none. Set adapter to an IP-Adapter."
            )
        )
    masks = check_masks(guidance.options.get("masks"), count)
    asked = guidance.options.get("scale", config.scale)
    scale: Scale = check_scale(asked, count, masks is not None) if count else 0.0
    if is_zero(scale):
        scale = 0.0
    counts = not is_zero(scale)
    return Request(
        prompt=guidance.prompt,
        negative=(
            config.negative_prompt if guidance.negative_prompt is None else guidance.negative_prompt
        ),
        seed=guidance.seed,
        images=tuple(reference.image for reference in guidance.references) if counts else (),
        size=_size(guidance, config),
        scale=scale,
        masks=masks if counts else None,
    )


def batches(requests: Sequence[Request], size: int) -> Iterator[list[int]]:
    """Yield the indexes of requests that can be painted together, at most `size` at a time."""
    groups: dict[str, list[int]] = {}
    for index, request in enumerate(requests):
        groups.setdefault(request.shape(), []).append(index)
    for group in groups.values():
        for start in range(0, len(group), size):
            yield group[start : start + size]


def _size(guidance: Guidance, config: SDXLConfig) -> tuple[int, int] | None:
    if guidance.width is None and guidance.height is None:
        return config.size
    if guidance.width is None or guidance.height is None:
        raise CapabilityError(
            f"width {guidance.width!r} and height {guidance.height!r} must be given together."
        )
    if (
        guidance.width < STEP
        or guidance.width % STEP
        or guidance.height < STEP
        or (guidance.height % STEP)
    ):
        raise CapabilityError(
            f"{guidance.width}×{guidance.height} cannot be painted: width and height must be "
            f"multiples of {STEP}, for instance "
            f"{max(STEP, guidance.width // STEP * STEP)}×"
            f"{max(STEP, guidance.height // STEP * STEP)}."
        )
    return guidance.width, guidance.height
