"""The generator "flux2-klein": text, several images in context, and edits."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imagerag_diffusers import PipelineGenerator, Request
from imagerag_diffusers.cuts import note_cuts
from imagerag_diffusers.proportions import in_proportion
from imagerag_flux.published import ELSEWHERE, KLEIN_2
from imagerag_flux.sizes import fitted

if TYPE_CHECKING:
    from imagerag.values import Capability, Guidance
    from imagerag_flux.config import Flux2KleinConfig

SYNTAX = "image {k}"
"""How prompts name references, by their place ("the cat from image 2"): Black Forest Labs' help
pages on editing with several images."""

RECOMMENDED = 4
"""Most references that klein was made for, by the same pages."""

OWN_SIZE = (1024, 1024)
"""What is painted where no size is asked for. The pipeline would take the first reference's size,
and the draft and the result of one prompt would differ in it."""

LEAST_SIDE = 64
"""Pixels that both sides of a reference must have (Flux2ImageProcessor.check_image_input)."""

LONGEST = 8
"""How many times as long as wide a reference may be (likewise)."""


class Flux2KleinGenerator(PipelineGenerator):
    """Paints with `Flux2KleinPipeline`.

    A picture with references is painted alone, since one call has one list of them.
    """

    config: Flux2KleinConfig

    name = "flux2-klein"
    distribution = "imagerag-flux"
    pipelines = ("Flux2KleinPipeline",)
    catalogue = KLEIN_2
    elsewhere = ELSEWHERE
    proven = (
        "Tiny random models of the class on a CPU: each reference, their order and number, text "
        "alone, seed, prompt, sizes, batches, progress, cancellation, saving and loading; the "
        "published weights were not run."
    )

    def capability(self) -> Capability:
        """Return what the configuration makes possible; nothing is loaded."""
        most = self.config.max_references
        return replace(
            super().capability(),
            abilities=frozenset({"text", "in-context", "edit"}),
            max_references=most,
            recommended_references=min(most, RECOMMENDED),
            reference_syntax=SYNTAX,
        )

    def check(self, guidance: Guidance, capability: Capability) -> Request:
        """Return the request, of very long references their middle.

        Raises:
            CapabilityError: More is asked for than the generator can do.
        """
        request = super().check(guidance, capability)
        return replace(request, images=in_proportion(request.images, LONGEST, self.context))

    def company(self, request: Request) -> Hashable | None:
        """Return what pictures of one call have in common, None for one with references."""
        return None if request.images else super().company(request)

    def arguments(self, pipe: Any, rows: Sequence[Request]) -> dict[str, Any]:
        """Return the pipeline's own arguments: references in their order, guidance, limits."""
        most = self.config.max_tokens
        prompts = (row.prompt for row in rows)
        note_cuts(self.context, prompts, most, lambda prompt: _tokens(pipe.tokenizer, prompt))
        width, height = rows[0].size or OWN_SIZE
        area = self.config.reference_area
        images = [fitted(image, area, LEAST_SIDE) for image in rows[0].images]
        return {
            "image": images or None,
            "width": width,
            "height": height,
            "guidance_scale": self.config.guidance_scale,
            "max_sequence_length": most,
        }


def _tokens(tokenizer: Any, prompt: str) -> int:
    """Return how long a prompt is as the pipeline asks the model: as a turn of a chat."""
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=False,
    )
    return len(tokenizer(text, verbose=False).input_ids)
