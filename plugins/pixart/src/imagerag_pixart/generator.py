"""The generators "pixart-alpha" and "pixart-sigma": text-only baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from imagerag_diffusers import PipelineGenerator, Request
from imagerag_diffusers.cuts import note_cuts
from imagerag_pixart.published import CATALOGUE

if TYPE_CHECKING:
    from imagerag_pixart.config import PixArtConfig


class PixArtGenerator(PipelineGenerator):
    """What both have in common: everything but the class of diffusers they run."""

    config: PixArtConfig

    distribution = "imagerag-pixart"
    catalogue = CATALOGUE
    elsewhere: ClassVar[Mapping[str, str]] = {
        "PixArtAlphaPipeline": "pixart-alpha",
        "PixArtSigmaPipeline": "pixart-sigma",
    }
    no_references = (
        "Set loop.gate = 'never' to use it as a baseline, or choose another generator: "
        "`imagerag plugins list --role generator`."
    )
    proven = (
        "Tiny random models of the class on a CPU: seed, prompt, sizes, batches, progress, "
        "cancellation, saving and loading; the published weights were not run."
    )

    def arguments(self, pipe: Any, rows: Sequence[Request]) -> dict[str, Any]:
        """Return the pipeline's own arguments: guidance, negative prompts, limits."""
        note_cuts(
            self.context,
            (row.prompt for row in rows),
            self.config.max_tokens,
            # As the pipeline reads it.
            lambda prompt: len(pipe.tokenizer(prompt.lower().strip(), verbose=False).input_ids),
        )
        return {
            "negative_prompt": [row.negative or "" for row in rows],
            "guidance_scale": self.config.guidance_scale,
            "max_sequence_length": self.config.max_tokens,
            # Both are on by default. Binning paints another size and crops; cleaning depends on
            # whether two more libraries are installed, so pictures would differ between machines.
            "use_resolution_binning": False,
            "clean_caption": False,
        }


class PixArtAlphaGenerator(PixArtGenerator):
    """Paints with `PixArtAlphaPipeline`."""

    name = "pixart-alpha"
    pipelines = ("PixArtAlphaPipeline",)


class PixArtSigmaGenerator(PixArtGenerator):
    """Paints with `PixArtSigmaPipeline`."""

    name = "pixart-sigma"
    pipelines = ("PixArtSigmaPipeline",)
