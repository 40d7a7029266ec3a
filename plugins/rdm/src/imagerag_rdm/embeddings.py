"""What the model's own CLIP makes of prompts and pictures: one vector each, computed once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

KEPT = 1024
"""Vectors remembered; of ViT-L/14, 768 numbers each, that is 3 MB."""


class Embeddings:
    """Embeds with the CLIP of a pipeline, and remembers what it has embedded.

    Each text and picture is embedded by itself, so that its vector does not depend on what else
    there is. Pictures are known by their pixels: one that was resized or edited on its way here is
    not its original.
    """

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe
        self._known: OrderedDict[str, torch.Tensor] = OrderedDict()
        self.computed = 0
        """How many vectors were really computed."""

    def context(
        self,
        prompts: Sequence[str],
        images: Sequence[Sequence[Image]],
        *,
        query: bool,
        normalise: bool,
    ) -> torch.Tensor:
        """Return what the U-Net attends to, for each picture of a batch.

        Args:
            prompts: One for each picture.
            images: The neighbours of each, equally many.
            query: Whether the prompt's vector stands before those of its neighbours; without
                neighbours it always does.
            normalise: Whether vectors get the length 1.

        Returns:
            Shape (batch, vectors, width), float32 on the CPU.
        """
        import torch

        rows = []
        for prompt, shown in zip(prompts, images, strict=True):
            vectors = [self._text(prompt)] if query or not shown else []
            rows.append(torch.stack([*vectors, *map(self._image, shown)]))
        found = torch.stack(rows)
        return found / found.norm(dim=-1, keepdim=True) if normalise else found

    def _text(self, prompt: str) -> torch.Tensor:
        def compute() -> torch.Tensor:
            tokenizer, clip = self._pipe.tokenizer, self._pipe.clip
            tokens = tokenizer(
                prompt,
                padding="max_length",
                max_length=tokenizer.model_max_length,
                truncation=True,
                return_tensors="pt",
            )
            ids = tokens.input_ids.to(self._pipe._execution_device)
            states = clip.text_model(input_ids=ids).pooler_output
            return _row(clip.text_projection(states))

        return self._once(f"text {prompt}", compute)

    def _image(self, image: Image) -> torch.Tensor:
        def compute() -> torch.Tensor:
            clip = self._pipe.clip
            pixels = self._pipe.feature_extractor(rgb, return_tensors="pt").pixel_values
            pixels = pixels.to(self._pipe._execution_device, clip.dtype)
            states = clip.vision_model(pixel_values=pixels).pooler_output
            return _row(clip.visual_projection(states))

        rgb = image.convert("RGB")
        digest = hashlib.sha256(f"{rgb.size}".encode() + rgb.tobytes()).hexdigest()
        return self._once(f"image {digest}", compute)

    def _once(self, key: str, compute: Callable[[], torch.Tensor]) -> torch.Tensor:
        import torch

        if key not in self._known:
            with torch.no_grad():
                self._known[key] = compute()
            self.computed += 1
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


def _row(batch: torch.Tensor) -> torch.Tensor:
    return batch[0].float().cpu()
