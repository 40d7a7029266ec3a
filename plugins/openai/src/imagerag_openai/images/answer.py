"""The picture in a response, decoded under the limits of any untrusted image."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imagerag.collection import open_image
from imagerag.errors import ImageError, ImageRAGError
from imagerag_chat.http.prices import Tokens, count

if TYPE_CHECKING:
    from PIL.Image import Image


class NotPaintedError(ImageRAGError):
    """The provider gave no picture: the message says why, and whether to ask again."""


def read_picture(body: Mapping[str, Any]) -> Image:
    """Return the first picture of a response, in RGB; any JSON object may come.

    Raises:
        NotPaintedError: The response holds none.
        ImageError: It holds something that is no whole JPEG, PNG or WebP picture.
    """
    data = body.get("data")
    first = data[0] if isinstance(data, list) and data else None
    if not isinstance(first, dict):
        raise NotPaintedError("the response holds no picture. Ask again, or check base_url.")
    text = first.get("b64_json")
    if not text and isinstance(first.get("url"), str):
        raise NotPaintedError(
            "the response holds an address instead of a picture, and addresses are not followed. "
            'Ask the server for the picture itself: extra_body = {response_format = "b64_json"}.'
        )
    if not isinstance(text, str) or not text:
        raise NotPaintedError("the response holds no picture. Ask again, or check base_url.")
    try:
        file = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError(
            "the picture of the response is not whole: its base64 is broken. Ask again."
        ) from error
    try:
        return open_image(file)
    except ImageError as error:
        raise ImageError(f"the picture of the response {error}. Ask again.") from error


def read_tokens(body: Mapping[str, Any]) -> Tokens:
    """Return the counts of `usage`; what is missing or no number is unknown."""
    usage = _mapping(body.get("usage"))
    return Tokens(
        input=count(usage.get("input_tokens")),
        output=count(usage.get("output_tokens")),
        image_input=count(_mapping(usage.get("input_tokens_details")).get("image_tokens")),
        image_output=count(_mapping(usage.get("output_tokens_details")).get("image_tokens")),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
