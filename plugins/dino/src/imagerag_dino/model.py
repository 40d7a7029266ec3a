"""A loaded DINO: pictures in, unit vectors out."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from imagerag.errors import WeightsError
from imagerag_dino.pixels import prepared
from imagerag_torch import choose_device, choose_dtype, guard_torchvision, seeded

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    from imagerag.roles import Vectors
    from imagerag_dino.layout import Layout

UNUSED = ("embeddings.mask_token",)
"""Weights that only training needs, and that a file may lack."""

_quiet = threading.Lock()


class DinoModel:
    """One DINO in memory. Its methods may be called from several threads.

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
        self.layout = layout
        self.device = choose_device(device)
        self.dtype = choose_dtype(dtype, self.device)
        try:
            with seeded(0), _without_progress_bars():
                model, missing = self._load()
                self._processor = self._load_processor()
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
            raise WeightsError(
                f"The DINO in {str(layout.folder)!r} cannot be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error
        if missing:
            # transformers would go on with random numbers in their place.
            raise WeightsError(
                f"The DINO in {str(layout.folder)!r} lacks {len(missing)} of its weights, such as "
                f"{min(missing)!r}: model.safetensors and config.json do not belong together."
            )
        self._model = model.to(self.device).eval().requires_grad_(False)

    def _load(self) -> tuple[Any, set[str]]:
        import transformers

        kind: Any = getattr(transformers, self.layout.kind)
        more = {"add_pooling_layer": False} if self.layout.kind == "ViTModel" else {}
        model, info = kind.from_pretrained(
            self.layout.folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=self.dtype,
            output_loading_info=True,
            **more,
        )
        return model, set(info["missing_keys"]) - set(UNUSED)

    def _load_processor(self) -> Any:
        from transformers import AutoImageProcessor

        # Pillow's resizing is there on every machine: pixels must not depend on whether torchvision
        # is installed.
        processor = AutoImageProcessor.from_pretrained(
            self.layout.folder, backend="pil", local_files_only=True, trust_remote_code=False
        )
        if getattr(processor, "backend", "") != "pil":
            raise ValueError(f"its {type(processor).__name__} has no form that runs on Pillow")
        return processor

    def encode(self, images: Sequence[Image], batch_size: int = 32) -> Vectors:
        """Return unit vectors, float32, shape (len(images), dim), in order.

        A vector is the class token after the last normalisation, which DINO is trained on.

        Raises:
            ImageError: A picture has no pixels or cannot be decoded.
        """
        import torch

        parts = []
        for start in range(0, len(images), batch_size):
            pixels = self._pixels(images[start : start + batch_size])
            with torch.inference_mode():
                parts.append(self._model(pixel_values=pixels).last_hidden_state[:, 0])
        return self._unit(parts)

    def _pixels(self, images: Sequence[Image]) -> torch.Tensor:
        resized_by_the_shorter_side = bool(getattr(self._processor.size, "shortest_edge", None))
        ready = [prepared(image, cut=resized_by_the_shorter_side) for image in images]
        pixels: torch.Tensor = self._processor(images=ready, return_tensors="pt").pixel_values
        return pixels.to(self.device, self.dtype)

    def _unit(self, parts: list[torch.Tensor]) -> Vectors:
        import numpy as np
        import torch

        if not parts:
            return np.zeros((0, self.layout.dim), dtype=np.float32)
        features = torch.cat(parts).float()
        if not bool(torch.isfinite(features).all()):
            raise WeightsError(
                f"The DINO in {str(self.layout.folder)!r} gives infinite values in {self.dtype}: "
                "set dtype = 'float32'."
            )
        unit: Vectors = torch.nn.functional.normalize(features, dim=-1).cpu().numpy()
        return unit


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Keep transformers from drawing on the terminal, and put things back afterwards."""
    from transformers.utils import logging

    with _quiet:
        shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            if shown:
                logging.enable_progress_bar()
