"""What the generators of FLUX.1 have in common, and the one that paints from text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imagerag.errors import CapabilityError
from imagerag_diffusers import PipelineGenerator, Request
from imagerag_diffusers.cuts import note_cuts
from imagerag_flux.published import ELSEWHERE, FLUX_1

if TYPE_CHECKING:
    from imagerag.values import Capability, Guidance
    from imagerag_flux.config import Flux1Config


class Flux1Generator(PipelineGenerator):
    """Guidance, limits and negative prompts of FLUX.1's pipelines."""

    config: Flux1Config

    distribution = "imagerag-flux"
    elsewhere = ELSEWHERE

    def check(self, guidance: Guidance, capability: Capability) -> Request:
        """Return the request.

        Raises:
            CapabilityError: It has a negative prompt, and `true_cfg_scale` lets none count; or it
                asks for more than the generator can do.
        """
        request = super().check(guidance, capability)
        if request.negative and self.config.true_cfg_scale <= 1:
            raise CapabilityError(
                f"The negative prompt {request.negative!r} would not count: FLUX.1 needs "
                f"generator.true_cfg_scale above 1 for it (it is {self.config.true_cfg_scale}), "
                "which doubles the time. Or leave it out."
            )
        return request

    def arguments(self, pipe: Any, rows: Sequence[Request]) -> dict[str, Any]:
        """Return guidance, the limit of the prompts, and negative prompts."""
        most = self.most_tokens(pipe)
        note_cuts(
            self.context,
            (row.prompt for row in rows),
            most,
            lambda prompt: len(pipe.tokenizer_2(prompt, verbose=False).input_ids),
        )
        given: dict[str, Any] = {
            "guidance_scale": self.config.guidance_scale,
            "max_sequence_length": most,
        }
        if self.config.true_cfg_scale > 1:
            given["true_cfg_scale"] = self.config.true_cfg_scale
            given["negative_prompt"] = [row.negative or "" for row in rows]
        return given

    def most_tokens(self, pipe: Any) -> int:
        """Return how many tokens of a prompt the model reads.

        schnell, which alone is not told a guidance, was trained with 256.
        """
        return self.config.max_tokens or (512 if pipe.transformer.config.guidance_embeds else 256)


class FluxGenerator(Flux1Generator):
    """Paints with `FluxPipeline`: FLUX.1 schnell or dev, from text only."""

    name = "flux"
    pipelines = ("FluxPipeline",)
    catalogue = FLUX_1
    no_references = (
        "Set generator.use to 'flux-kontext' (one image), 'flux-redux' or 'flux2-klein' (several), "
        "or loop.gate = 'never' for a baseline."
    )
    proven = (
        "Tiny random models of the class on a CPU: seed, prompt, negative prompt, guidance, sizes, "
        "batches, progress, cancellation, saving and loading; the published weights were not run."
    )
