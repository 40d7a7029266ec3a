"""diffusers' OmniGen pipeline with one difference: it draws nothing from the global generator.

This module imports diffusers, so it is itself imported only when weights are loaded.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import OmniGenPipeline


class SeededReferencesPipeline(OmniGenPipeline):  # type: ignore[misc]
    """`OmniGenPipeline` whose references are encoded with random numbers of their own.

    The original samples the autoencoder's posterior with torch's global generator: a picture would
    depend on what ran before it, and on what other threads draw meanwhile. With a generator of the
    same seed the picture is the original's after `torch.manual_seed`, on a CPU bit for bit.
    """

    references_generator: torch.Generator | None = None
    """Draws for the references of the next call, in their order; None for the global one."""

    def encode_input_images(
        self,
        input_pixel_values: list[torch.Tensor],
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> list[torch.Tensor]:
        """Return the latents of references.

        Args:
            input_pixel_values: Pixels from -1 to 1, each of shape (1, 3, height, width).
            device: Where the autoencoder runs; by default where the pipeline does.
            dtype: In what it computes; by default as it was loaded.
        """
        vae: Any = self.vae
        device, dtype = device or self._execution_device, dtype or vae.dtype
        latents = []
        for pixels in input_pixel_values:
            posterior = vae.encode(pixels.to(device, dtype)).latent_dist
            latents.append(posterior.sample(self.references_generator) * vae.config.scaling_factor)
        return latents
