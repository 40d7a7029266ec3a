"""diffusers' pipeline for several images, with bounds for their sizes, and with none of them.

This module imports diffusers, so it is itself imported only when weights are loaded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

import diffusers
import torch
from diffusers import QwenImageEditPlusPipeline, QwenImagePipeline

from imagerag.errors import ConfigError
from imagerag_qwen_image.config import READING_AREA, VAE_AREA

SHARED = ("scheduler", "vae", "text_encoder", "tokenizer", "transformer")
"""What the pipeline for text alone is made of; the other one has a processor for images too."""


class EditPipeline(QwenImageEditPlusPipeline):  # type: ignore[misc]
    """`QwenImageEditPlusPipeline` that also paints without images, and scales them as it is told.

    With images and the areas as they are it paints what the original does, bit for bit.
    """

    vae_area: int = VAE_AREA
    """Square pixels to which references are scaled for the autoencoder."""

    reading_area: int = READING_AREA
    """Square pixels to which they are scaled for the text encoder."""

    def __call__(self, image: Any = None, **given: Any) -> Any:
        """Return the original's output; without `image` that of `QwenImagePipeline`.

        The original ends in an error without images. Its weights are of the same architecture as
        those of Qwen-Image, so nothing is loaded twice: the second pipeline holds the same
        components, and has its own template around the prompt.
        """
        if image is not None:
            areas = {"VAE_IMAGE_SIZE": self.vae_area, "CONDITION_IMAGE_SIZE": self.reading_area}
            paint = with_constants(QwenImageEditPlusPipeline.__call__, areas)
            with torch.no_grad():
                return paint(self, image, **given)
        output = self.from_text()(**given)
        # The other pipeline does not know that these weights may be offloaded.
        self.maybe_free_model_hooks()
        return output

    def from_text(self) -> Any:
        """Return the pipeline that paints from text with the same components."""
        pipe = QwenImagePipeline(**{name: getattr(self, name) for name in SHARED})
        pipe.set_progress_bar_config(disable=True)
        return pipe


def with_constants(function: Callable[..., Any], constants: Mapping[str, int]) -> FunctionType:
    """Return a copy of `function`, without its decorators, that sees other module constants.

    The module stays as it is, so other pipelines and other threads see nothing of it, whatever
    happens in the call.

    Args:
        function: A function of a module that reads the constants by their names.
        constants: Their names and values.

    Raises:
        ConfigError: The function does not read them, so setting them would do nothing.
    """
    original: Any = inspect.unwrap(function)
    if unread := sorted(constants.keys() - set(original.__code__.co_names)):
        raise ConfigError(
            f"diffusers {diffusers.__version__} does not read {' and '.join(unread)} where this "
            "plugin sets the sizes of references: pip install 'diffusers==0.42.*', or a newer "
            "imagerag-qwen-image"
        )
    copy = FunctionType(
        original.__code__,
        {**original.__globals__, **constants},
        original.__name__,
        original.__defaults__,
        original.__closure__,
    )
    copy.__kwdefaults__ = original.__kwdefaults__
    return copy
