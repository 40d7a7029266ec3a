"""The generator "omnigen": text, references inside the prompt, and edits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imagerag.errors import CapabilityError, WeightsError
from imagerag.values import Capability, Guidance
from imagerag_diffusers import PipelineGenerator, Request
from imagerag_omnigen.placeholders import SYNTAX, check_placeholders
from imagerag_omnigen.published import CATALOGUE
from imagerag_omnigen.strips import shortened

if TYPE_CHECKING:
    from imagerag_omnigen.config import OmniGenConfig

TOKEN = 16
"""Pixels that one token of the transformer covers, a side: built into the pipeline's processor."""


class OmniGenGenerator(PipelineGenerator):
    """Paints with `OmniGenPipeline`.

    References are named in the prompt by placeholders (`<img><|image_1|></img>`). Every picture is
    painted alone: in a batch the pipeline gives all prompts the positions of the first one's
    tokens, so that a picture would depend on its company.
    """

    config: OmniGenConfig

    name = "omnigen"
    distribution = "imagerag-omnigen"
    pipelines = ("OmniGenPipeline",)
    catalogue = CATALOGUE
    proven = (
        "Tiny random models of the class on a CPU: each reference, their order and number, seed, "
        "prompt, sizes, edits, progress, cancellation, saving and loading; the published weights "
        "were not run."
    )

    def capability(self) -> Capability:
        """Return what the configuration makes possible; nothing is loaded."""
        most = self.config.max_references
        return replace(
            super().capability(),
            abilities=frozenset({"text", "in-context", "edit"}),
            max_references=most,
            recommended_references=min(most, 3),
            reference_syntax=SYNTAX,
        )

    def check(self, guidance: Guidance, capability: Capability) -> Request:
        """Return the request; its prompt names each reference, and none of these is too long.

        Raises:
            CapabilityError: Placeholders and references do not match, or more is asked for than
                the generator can do.
        """
        request = super().check(guidance, capability)
        check_placeholders(request.prompt, len(request.images))
        longest = self.config.max_input_image_size
        images = tuple(shortened(image, longest) for image in request.images)
        for number, (given, used) in enumerate(zip(request.images, images, strict=True), 1):
            if used.size != given.size:
                self.context.decide(
                    "generate",
                    f"take the middle of reference {number}",
                    f"{given.width}×{given.height} is more than {longest // TOKEN} times as long "
                    f"as wide; {used.width}×{used.height} is used (max_input_image_size)",
                )
        return replace(request, images=images)

    def pipeline_class(self, name: str) -> type:
        """Return the pipeline that draws nothing from torch's global generator."""
        from imagerag_omnigen.pipeline import SeededReferencesPipeline

        return SeededReferencesPipeline

    def prepare(self, pipe: Any) -> None:
        """Check that the model has the proportions that its processor takes for granted.

        Raises:
            WeightsError: It has others; every reference would fill a wrong number of tokens.
        """
        factor, patch = pipe.vae_scale_factor, pipe.transformer.config.patch_size
        if factor * patch != TOKEN:
            raise WeightsError(
                f"The model {self.config.model!r} makes a token of {factor * patch} pixels a side "
                f"(autoencoder {factor}, patches {patch}), and OmniGenPipeline counts on {TOKEN}. "
                "Its autoencoder must have 4 blocks and its transformer patches of 2: take both "
                "from one OmniGen model."
            )

    def arguments(self, pipe: Any, rows: Sequence[Request]) -> dict[str, Any]:
        """Return the pipeline's own arguments: references, their weight, their largest size."""
        from imagerag_torch import generator

        (row,) = rows
        most = pipe.transformer.config.pos_embed_max_size * TOKEN
        if row.size is not None and max(row.size) > most:
            raise CapabilityError(
                f"{row.size[0]}×{row.size[1]} cannot be painted: this model has positions for "
                f"sides of at most {most} pixels. Sides of 512 to 1024 are recommended."
            )
        # Not the picture's own generator: its first noise would then depend on the references, and
        # the draft and the result of one seed would start from different noise.
        pipe.references_generator = generator(row.seed)
        return {
            "input_images": [list(row.images)] if row.images else None,
            "guidance_scale": self.config.guidance_scale,
            "img_guidance_scale": self.config.img_guidance_scale,
            "max_input_image_size": self.config.max_input_image_size,
            "use_input_image_size_as_output": False,
        }
