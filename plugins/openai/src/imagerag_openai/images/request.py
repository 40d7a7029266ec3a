"""One picture, checked against what the API can do, and made into the arguments of a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from imagerag.errors import CapabilityError
from imagerag.values import Guidance
from imagerag_chat.picture import encode
from imagerag_openai.images.models import MAX_FILE, MAX_PROMPT, check_size

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag_openai.images.config import GPTImageConfig

File: TypeAlias = tuple[str, bytes, str]
"""Name, bytes and media type of a file in a form."""


@dataclass(frozen=True)
class Request:
    """One picture to ask for. `size` is (width, height), None where the model decides."""

    prompt: str
    images: tuple[Image, ...]
    size: tuple[int, int] | None
    config: GPTImageConfig

    @cached_property
    def files(self) -> Sequence[File]:
        """The references as files, in order and named by their number; made once."""
        files = []
        for number, image in enumerate(self.images, 1):
            data = encode(image, self.config.reference_size, "png").data
            if len(data) >= MAX_FILE:
                raise CapabilityError(
                    f"reference {number} has {len(data) / 1e6:.0f} MB as a PNG, and the API takes "
                    f"less than {MAX_FILE // 1_000_000}. Lower reference_size."
                )
            files.append((f"{number}.png", data, "image/png"))
        return files

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `images.edit`, or of `images.generate` where no files are.

        What the API does by itself is not sent, so that servers which know fewer options take the
        request as well.
        """
        config = self.config
        chosen: dict[str, Any] = {"model": config.model, "prompt": self.prompt, "n": 1}
        if self.size is not None:
            chosen["size"] = f"{self.size[0]}x{self.size[1]}"
        for option in ("quality", "background"):
            if getattr(config, option) != "auto":
                chosen[option] = getattr(config, option)
        if config.output_format != "png":
            chosen["output_format"] = config.output_format
        if config.output_compression is not None:
            chosen["output_compression"] = config.output_compression
        if self.images:
            chosen["image"] = list(self.files)
            if config.input_fidelity is not None:
                chosen["input_fidelity"] = config.input_fidelity
        elif config.moderation != "auto":
            chosen["moderation"] = config.moderation
        if config.extra_body:
            chosen["extra_body"] = dict(config.extra_body)
        return chosen


def check_request(guidance: Guidance, config: GPTImageConfig) -> Request:
    """Return the request for one guidance.

    Raises:
        CapabilityError: It asks for more than the API can do.
    """
    count = len(guidance.references)
    if count > config.max_references:
        raise CapabilityError(
            f"{count} references, but the generator 'gpt-image' takes at most "
            f"{config.max_references}: give fewer, or raise max_references."
        )
    if guidance.options:
        known = ", ".join(map(repr, sorted(guidance.options)))
        raise CapabilityError(
            f"The generator 'gpt-image' has no options in guidance, and there are {known}. Use the "
            "conditioner 'gpt-image', and set options of the API under [generator]."
        )
    if guidance.negative_prompt:
        raise CapabilityError(
            "The images API has no negative prompt. Say in the prompt what to keep away from, and "
            "take negative_prompt out of [conditioner]."
        )
    if not guidance.prompt.strip():
        raise CapabilityError("The images API paints no empty prompt. Say what to paint.")
    if len(guidance.prompt) > MAX_PROMPT:
        raise CapabilityError(
            f"The prompt has {len(guidance.prompt)} characters, and the images API takes "
            f"{MAX_PROMPT}. Shorten it."
        )
    images = tuple(reference.image for reference in guidance.references)
    return Request(guidance.prompt, images, _size(guidance, config), config)


def _size(guidance: Guidance, config: GPTImageConfig) -> tuple[int, int] | None:
    if guidance.width is None and guidance.height is None:
        size = config.size
    elif guidance.width is None or guidance.height is None:
        raise CapabilityError(
            f"width {guidance.width!r} and height {guidance.height!r} must be given together."
        )
    else:
        size = (guidance.width, guidance.height)
    if size is not None:
        check_size(config.model, *size)
    return size
