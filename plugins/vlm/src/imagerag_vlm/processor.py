"""Loads what turns pictures and words into the numbers that a model reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagerag.errors import ConfigError, WeightsError
from imagerag_vlm.config import VLMConfig


def load_processor(config: VLMConfig, folder: Path) -> Any:
    """Return the folder's processor, with the bounds of the configuration.

    Pictures are scaled by Pillow wherever transformers can do so for the model's family, although
    it prefers torchvision where that is installed: the two round differently, and an answer should
    not depend on what else is installed.

    Raises:
        ConfigError: The processor has no bounds in pixels, and the configuration sets one.
        WeightsError: The processor has no chat template, or takes no pictures.
    """
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    given = getattr(processor, "image_processor", None)
    if given is None or getattr(processor, "tokenizer", None) is None:
        raise WeightsError(
            f"The processor of the model {config.model!r} is a {type(processor).__name__!r}, which "
            "does not take both words and pictures. Fetch the model again: "
            "preprocessor_config.json may be missing."
        )
    if not getattr(processor, "chat_template", None):
        raise WeightsError(
            f"The model {config.model!r} has no chat template: there is no chat_template.jinja or "
            f"chat_template.json in {str(folder)!r}. Models that follow instructions come with "
            "one: take an 'Instruct' model, or fetch it again."
        )
    processor.image_processor = _bounded(config, folder, given)
    return processor


def _bounded(config: VLMConfig, folder: Path, given: Any) -> Any:
    """Return the image processor to use: Pillow's where there is one, with the bounds asked for."""
    from transformers import AutoImageProcessor

    bounds = {
        name: value
        for name in ("min_pixels", "max_pixels")
        if (value := getattr(config, name)) is not None
    }
    accepted = getattr(getattr(given, "valid_kwargs", None), "__annotations__", {})
    if lacking := sorted(bounds.keys() - accepted.keys()):
        raise ConfigError(
            f"{lacking[0]}: the processor of {config.model!r} ({type(given).__name__}) has no "
            "such bound. Leave it out; image_size bounds pictures for every model."
        )
    bounded = AutoImageProcessor.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, backend="pil", **bounds
    )
    size = bounded.size
    if bounds and not size["shortest_edge"] <= size["longest_edge"]:
        raise ConfigError(
            f"min_pixels = {size['shortest_edge']} is larger than max_pixels = "
            f"{size['longest_edge']}, one of which is the model's own. Set both."
        )
    return bounded
