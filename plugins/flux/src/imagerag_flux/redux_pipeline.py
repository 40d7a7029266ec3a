"""diffusers' FLUX.1 pipeline with Redux beside it.

This module imports diffusers, so it is itself imported only when weights are loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from diffusers import FluxPipeline

if TYPE_CHECKING:
    from PIL.Image import Image


class ReduxFluxPipeline(FluxPipeline):  # type: ignore[misc]
    """`FluxPipeline` that can read images as a part of its prompt."""

    prior: Any = None
    """The loaded `FluxPriorReduxPipeline`, which has the text encoders of this pipeline."""

    @torch.no_grad()
    def read(
        self, prompt: str, images: Sequence[Image], weights: Sequence[float], most_tokens: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the embeddings of one prompt with its images, as `__call__` takes them.

        The prior adds images up, each times its weight; so the weights are divided by their number,
        and several images have as much to say as one. It weighs the text as well, which here counts
        in full whatever the images do. One image of weight 1 gives what diffusers' own call of the
        prior gives, bit for bit.

        Args:
            prompt: The prompt.
            images: RGB pictures, at least one.
            weights: One for each.
            most_tokens: Of the prompt.

        Returns:
            Of shapes (1, most_tokens + parts of an image, width) and (1, width of CLIP).
        """
        text, pooled, _ = self.encode_prompt(
            prompt=prompt, prompt_2=None, max_sequence_length=most_tokens
        )
        count = len(images)
        # repeat() copies: the prior multiplies what it is given in place.
        mixed = self.prior(
            list(images),
            prompt_embeds=text.repeat(count, 1, 1),
            pooled_prompt_embeds=pooled.repeat(count, 1),
            prompt_embeds_scale=[weight / count for weight in weights],
            pooled_prompt_embeds_scale=[1 / count] * count,
        ).prompt_embeds
        return torch.cat([text, mixed[:, text.shape[1] :]], dim=1), pooled
