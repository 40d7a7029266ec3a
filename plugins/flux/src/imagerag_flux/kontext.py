"""The generator "flux-kontext": one image in context, or an edit of it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imagerag_flux.flux1 import Flux1Generator
from imagerag_flux.published import KONTEXT_1
from imagerag_flux.sizes import fitted

if TYPE_CHECKING:
    from imagerag.values import Capability
    from imagerag_diffusers import Request
    from imagerag_flux.config import FluxKontextConfig

TOKEN = 16
"""Pixels that one token of the transformer covers, a side."""


class FluxKontextGenerator(Flux1Generator):
    """Paints with `FluxKontextPipeline`; without a reference it paints from text.

    A picture with a reference is painted alone: in a batch the pipeline scales all references to
    the size of the first.
    """

    config: FluxKontextConfig

    name = "flux-kontext"
    pipelines = ("FluxKontextPipeline",)
    catalogue = KONTEXT_1
    proven = (
        "Tiny random models of the class on a CPU: the reference, text alone, seed, prompt, sizes, "
        "batches, progress, cancellation, saving and loading; the published weights were not run."
    )

    def capability(self) -> Capability:
        """Return what the configuration makes possible; nothing is loaded."""
        return replace(
            super().capability(),
            abilities=frozenset({"text", "in-context", "edit"}),
            max_references=1,
            recommended_references=1,
        )

    def company(self, request: Request) -> Hashable | None:
        """Return what pictures of one call have in common, None for one with a reference."""
        return None if request.images else super().company(request)

    def arguments(self, pipe: Any, rows: Sequence[Request]) -> dict[str, Any]:
        """Return the pipeline's own arguments: the reference, and the size as it was asked for."""
        given = super().arguments(pipe, rows)
        if size := rows[0].size:
            # Without it the pipeline paints a megapixel of the same proportions.
            given["max_area"] = size[0] * size[1]
        if images := rows[0].images:
            area = self.config.reference_area
            given["image"] = images[0] if area is None else fitted(images[0], area, TOKEN)
            given["_auto_resize"] = area is None
        return given
