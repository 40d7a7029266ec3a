"""What the image encoder makes of references, computed once per picture."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    from imagerag_sdxl.adapter_file import Adapter

KEPT = 128
"""Pictures remembered. At ViT-H's 257 × 1280 numbers in half precision that is 84 MB."""


class ReferenceEmbeddings:
    """Encodes references, and remembers them by the digest of their pixels.

    By the pixels and not by the file's digest that a reference carries: a picture that was resized
    or edited on its way here would otherwise be mistaken for its original.
    """

    def __init__(self, pipe: Any, adapter: Adapter) -> None:
        self._pipe = pipe
        self._hidden = adapter.kind == "plus"
        self._width = adapter.reads
        self._known: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._without: torch.Tensor | None = None
        self.encoded = 0
        """How many pictures were really encoded."""

    def batch(self, pictures: Sequence[Sequence[Image]]) -> torch.Tensor:
        """Return the embeddings of a batch, as `BatchedReferencesPipeline` takes them.

        Each picture is encoded by itself, so that it does not depend on what else is there.

        Args:
            pictures: The references of each picture of the batch, equally many for each.

        Returns:
            Shape (2 · batch, references, width) for a plain adapter, (2 · batch, references,
            tokens, width) for plus; the unconditional half comes first. Without references,
            zeros stand for one: at scale 0 the adapter never looks at them.
        """
        import torch

        if not pictures[0]:
            shape = (2 * len(pictures), 1, *((1,) if self._hidden else ()), self._width)
            return torch.zeros(shape, dtype=self._dtype(), device=self._pipe._execution_device)
        own = torch.stack([torch.stack([self._one(image) for image in row]) for row in pictures])
        assert self._without is not None
        without = self._without.expand_as(own)
        return torch.cat([without, own]).to(self._pipe._execution_device)

    def _one(self, image: Image) -> torch.Tensor:
        import torch

        rgb = image.convert("RGB")
        key = hashlib.sha256(f"{rgb.size}".encode() + rgb.tobytes()).hexdigest()
        if key not in self._known:
            device = self._pipe._execution_device
            with torch.no_grad():
                own, without = self._pipe.encode_image(rgb, device, 1, self._hidden)
            self._known[key] = own[0].cpu()
            self._without = without[0].cpu()  # the same for every picture
            self.encoded += 1
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]

    def _dtype(self) -> Any:
        return self._pipe.image_encoder.dtype
