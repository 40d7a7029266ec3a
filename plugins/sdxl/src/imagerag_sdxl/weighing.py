"""What of a guidance is this generator's own: how much references count, and where."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import replace
from typing import TYPE_CHECKING

from imagerag.errors import CapabilityError
from imagerag_diffusers import Request
from imagerag_sdxl.masks import check_masks
from imagerag_sdxl.scales import Scale, check_scale, is_zero

if TYPE_CHECKING:
    from imagerag.values import Capability, Guidance
    from imagerag_sdxl.config import SDXLConfig

OPTIONS = ("scale", "masks")
"""What `Guidance.options` may hold for this generator."""


def check_count(guidance: Guidance, config: SDXLConfig, capability: Capability) -> None:
    """Check that there are not more references than the generator takes.

    Raises:
        CapabilityError: There are.
    """
    count = len(guidance.references)
    if count > capability.max_references:
        raise CapabilityError(
            f"{count} references, but the generator 'sdxl' "
            + (
                f"takes at most {capability.max_references}. Give fewer, or raise max_references."
                if config.takes_references
                else "has no adapter, so it takes none. Set adapter to an IP-Adapter."
            )
        )


def weighed(request: Request, guidance: Guidance, config: SDXLConfig) -> Request:
    """Return a request whose options are "scale" and "masks", checked.

    Without references, or with a scale of zero, there are no images, no masks, and the scale is 0:
    the adapter's branch is skipped.

    Raises:
        CapabilityError: They have no meaning here.
    """
    count = len(request.images)
    masks = check_masks(guidance.options.get("masks"), count)
    asked = guidance.options.get("scale", config.scale)
    scale: Scale = check_scale(asked, count, masks is not None) if count else 0.0
    if is_zero(scale):
        return replace(request, images=(), options={"scale": 0.0, "masks": None})
    return replace(request, options={"scale": scale, "masks": masks})


def company(request: Request) -> Hashable:
    """Return what pictures of one call must have in common."""
    scale = json.dumps(request.options["scale"], sort_keys=True)
    masked = request.options["masks"] is not None
    return request.size, len(request.images), scale, masked, request.negative is None
