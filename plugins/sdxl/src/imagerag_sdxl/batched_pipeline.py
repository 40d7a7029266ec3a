"""diffusers' SDXL pipeline with one difference: each picture of a batch has its own references.

This module imports diffusers, so it is itself imported only when weights are loaded.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline


class BatchedReferencesPipeline(StableDiffusionXLPipeline):  # type: ignore[misc]
    """`StableDiffusionXLPipeline` that takes prepared references for a whole batch.

    The original repeats one picture's reference embeddings for every prompt of the batch.
    """

    def prepare_ip_adapter_image_embeds(
        self,
        ip_adapter_image: Any,
        ip_adapter_image_embeds: list[torch.Tensor],
        device: torch.device,
        num_images_per_prompt: int,
        do_classifier_free_guidance: bool,
    ) -> list[torch.Tensor]:
        """Return the embeddings as they were prepared, on the device.

        Args:
            ip_adapter_image: Not used; references come prepared.
            ip_adapter_image_embeds: One tensor, shape (2 · batch, references, …): first those of
                the unconditional halves, then the pictures' own.
            device: Where the U-Net runs.
            num_images_per_prompt: The size of the batch, as the original's caller names it.
            do_classifier_free_guidance: Whether the unconditional halves are painted.
        """
        (embeds,) = ip_adapter_image_embeds
        if not do_classifier_free_guidance:
            embeds = embeds.chunk(2)[1]
        return [embeds.to(device)]
