"""A loaded CLIP: texts and images in, unit vectors out."""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imagerag.errors import ImageError, WeightsError
from imagerag_clip.text import ContextTruncatedWarning, clean
from imagerag_torch import choose_device, choose_dtype, guard_torchvision, seeded

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    from imagerag.roles import Vectors
    from imagerag_clip.layout import Layout

SLIMMEST = 16
"""Side ratio beyond which a picture is cut to its middle before the shorter side is resized: a line
of 1 x 5000 pixels would become 224 x 1,120,000. SigLIP's way, both sides at once, needs no cut."""


class ClipModel:
    """One CLIP in memory. Its methods may be called from several threads.

    Args:
        layout: The model on disk.
        device: See `imagerag_torch.choose_device`.
        dtype: See `imagerag_torch.choose_dtype`.

    Raises:
        WeightsError: The weights do not fit the configuration beside them.
        ConfigError: The device or dtype is unknown or absent.
    """

    def __init__(self, layout: Layout, device: str = "auto", dtype: str = "auto") -> None:
        guard_torchvision()
        import open_clip
        import torch
        from open_clip.transform import PreprocessCfg, image_transform_v2

        self.layout = layout
        self.device = choose_device(device)
        self.dtype = choose_dtype(dtype, self.device)
        precision = {torch.float16: "fp16", torch.bfloat16: "bf16"}.get(self.dtype, "fp32")
        name = f"local-dir:{layout.folder}"
        try:
            with seeded(0):  # building the layers draws numbers that the weights then replace
                model: Any = open_clip.create_model(
                    name,
                    precision=precision,
                    device=self.device,
                    pretrained_text=False,
                    require_pretrained=True,
                )
            self._tokenizer: Any = open_clip.get_tokenizer(name)
            transform: Any = image_transform_v2(
                PreprocessCfg(**model.visual.preprocess_cfg), is_train=False
            )
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
            raise WeightsError(
                f"The CLIP in {str(layout.folder)!r} cannot be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error
        # The last two make a tensor and normalise it, which one call does for a whole batch.
        *self._steps, _, self._normalise = transform.transforms
        self._model = model.eval().requires_grad_(False)
        self._tokenizer_lock = threading.Lock()  # fast tokenizers keep state between calls
        self._cuts = model.visual.preprocess_cfg.get("resize_mode", "shortest") == "shortest"
        self.context_length = int(self._tokenizer.context_length)
        self.logit_scale = float(model.logit_scale.detach().float().exp())
        bias = getattr(model, "logit_bias", None)
        self.logit_bias = None if bias is None else float(bias.detach().float())

    def encode_texts(self, texts: Sequence[str], batch_size: int = 32) -> Vectors:
        """Return unit vectors, float32, shape (len(texts), dim), in order.

        A text beyond the context is cut, with a `ContextTruncatedWarning`.
        """
        import torch

        parts = []
        for start in range(0, len(texts), batch_size):
            tokens = self._tokens(texts[start : start + batch_size])
            with torch.inference_mode():
                parts.append(self._model.encode_text(tokens.to(self.device)))
        return self._unit(parts)

    def encode_images(self, images: Sequence[Image], batch_size: int = 32) -> Vectors:
        """Return unit vectors, float32, shape (len(images), dim), in order.

        Raises:
            ImageError: A picture has no pixels or cannot be decoded.
        """
        import torch

        parts = []
        for start in range(0, len(images), batch_size):
            pixels = self._pixels(images[start : start + batch_size])
            with torch.inference_mode():
                parts.append(self._model.encode_image(pixels.to(self.device, self.dtype)))
        return self._unit(parts)

    def probability(self, cosine: float) -> float | None:
        """Return how probable a SigLIP holds it that picture and text belong together, 0 to 1.

        It is the sigmoid of the scaled and shifted cosine (arXiv 2303.15343, section 3.2); None
        for a CLIP, which has no bias and only ever compares texts with one another.
        """
        if self.logit_bias is None:
            return None
        logit = self.logit_scale * cosine + self.logit_bias
        return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0  # exp overflows beyond

    def _tokens(self, texts: Sequence[str]) -> torch.Tensor:
        cleaned = [clean(text) for text in texts]
        with self._tokenizer_lock:
            for text in cleaned:
                if (length := self._length(text)) > self.context_length:
                    warnings.warn(
                        f"a text of {length} tokens was cut to the model's context of "
                        f"{self.context_length}: {text[:60]!r}…",
                        ContextTruncatedWarning,
                        stacklevel=4,
                    )
            tokens: torch.Tensor = self._tokenizer(cleaned)
        return tokens

    def _length(self, text: str) -> int:
        """Return how many tokens `text` has, with its start and end token."""
        inner = getattr(self._tokenizer, "tokenizer", None)
        if inner is None:  # open_clip's own tokenizer, which adds the two itself
            return len(self._tokenizer.encode(text)) + 2
        prepared = self._tokenizer.clean_fn(text)
        return len(inner(prepared, truncation=False, padding=False, verbose=False).input_ids)

    def _pixels(self, images: Sequence[Image]) -> torch.Tensor:
        """Return open_clip's transforms of pictures, shape (len(images), 3, side, side)."""
        import numpy as np
        import torch

        rows = np.stack([np.asarray(self._cut(image)) for image in images])
        pixels = torch.from_numpy(rows).permute(0, 3, 1, 2).contiguous().float().div_(255)
        normal: torch.Tensor = self._normalise(pixels)
        return normal

    def _cut(self, image: Image) -> Image:
        """Return a picture of the model's input size."""
        try:
            image = image if image.mode == "RGB" else image.convert("RGB")
            width, height = image.size
            short = min(width, height)
            if self._cuts and max(width, height) > SLIMMEST * short:
                across, down = min(width, SLIMMEST * short), min(height, SLIMMEST * short)
                left, top = (width - across) // 2, (height - down) // 2
                image = image.crop((left, top, left + across, top + down))
            if short < 1:
                raise ValueError(f"it is {width} x {height} pixels")
            for step in self._steps:
                image = step(image)
        except (OSError, ValueError, SyntaxError) as error:
            raise ImageError(f"A picture cannot be encoded: {error}") from error
        return image

    def _unit(self, parts: list[torch.Tensor]) -> Vectors:
        import numpy as np
        import torch

        if not parts:
            return np.zeros((0, self.layout.dim), dtype=np.float32)
        features = torch.cat(parts).float()
        if not bool(torch.isfinite(features).all()):
            raise WeightsError(
                f"The CLIP in {str(self.layout.folder)!r} gives infinite values in {self.dtype}: "
                "set dtype = 'float32'."
            )
        unit: Vectors = torch.nn.functional.normalize(features, dim=-1).cpu().numpy()
        return unit
