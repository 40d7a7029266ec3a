"""Where in the picture each reference counts.

A mask is a JSON value: `None` for everywhere, a box `[left, top, right, bottom]` in fractions of
the picture, or a PNG as "data:image/png;base64,…", white where the reference counts.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from imagerag.errors import CapabilityError

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

Mask: TypeAlias = "tuple[float, ...] | bytes | None"

PNG = "data:image/png;base64,"
LARGEST = 4096
"""Most pixels a side of a mask picture: it comes from outside and is decoded here."""


def check_masks(masks: Any, references: int) -> tuple[Mask, ...] | None:
    """Return the masks of a picture in their checked form, or None where none restricts anything.

    Raises:
        CapabilityError: There is not one a reference, or one has no known form.
    """
    if masks is None:
        return None
    if not isinstance(masks, Sequence) or isinstance(masks, str) or len(masks) != references:
        count = len(masks) if isinstance(masks, Sequence) and not isinstance(masks, str) else masks
        raise CapabilityError(
            f"masks: {references} references need a list of {references} masks, got {count!r}. "
            "Give null for a reference that counts everywhere."
        )
    checked = tuple(_checked(mask) for mask in masks)
    return None if all(mask is None for mask in checked) else checked


def mask_tensor(masks: Sequence[Mask], width: int, height: int) -> torch.Tensor:
    """Return masks as diffusers takes them: float32, shape (1, len(masks), height, width)."""
    from diffusers.image_processor import IPAdapterMaskProcessor

    pictures = [_drawn(mask, width, height) for mask in masks]
    tensor: torch.Tensor = IPAdapterMaskProcessor().preprocess(pictures, height=height, width=width)
    return tensor.reshape(1, len(masks), height, width)


def _checked(mask: Any) -> Mask:
    if mask is None:
        return None
    if isinstance(mask, str):
        return _png(mask)
    if isinstance(mask, Sequence) and len(mask) == 4:
        box = tuple(float(side) if isinstance(side, int | float) else -1.0 for side in mask)
        left, top, right, bottom = box
        if 0 <= left < right <= 1 and 0 <= top < bottom <= 1:
            return box
    raise CapabilityError(
        f"masks: {mask!r} is not null, a PNG data URL, or a box [left, top, right, bottom] of "
        "fractions from 0 to 1, for instance [0, 0, 0.5, 1] for the left half."
    )


def _png(mask: str) -> bytes:
    if not mask.startswith(PNG):
        raise CapabilityError(f"masks: a mask in words must begin with {PNG!r}, got {mask[:40]!r}.")
    try:
        data = base64.b64decode(mask.removeprefix(PNG), validate=True)
    except binascii.Error as error:
        raise CapabilityError(f"masks: the PNG data URL is not base64: {error}") from error
    _opened(data)
    return data


def _opened(data: bytes) -> Image:
    from PIL import Image

    try:
        picture = Image.open(io.BytesIO(data), formats=("PNG",))
        if max(picture.size) > LARGEST:
            raise CapabilityError(f"masks: a mask of {picture.size} is over {LARGEST} a side.")
        return picture.convert("L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise CapabilityError(f"masks: the PNG data URL holds no readable PNG: {error}") from error


def _drawn(mask: Mask, width: int, height: int) -> Image:
    from PIL import Image, ImageDraw

    if isinstance(mask, bytes):
        return _opened(mask).resize((width, height), Image.Resampling.NEAREST)
    if mask is None:
        return Image.new("L", (width, height), 255)
    picture = Image.new("L", (width, height), 0)
    left, top, right, bottom = mask
    ImageDraw.Draw(picture).rectangle(
        (
            round(left * width),
            round(top * height),
            max(round(left * width), round(right * width) - 1),
            max(round(top * height), round(bottom * height) - 1),
        ),
        fill=255,
    )
    return picture
