"""The bodies of successes and errors in each wire format, as the providers document them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagerag.testing.loopback.answer import Answer
from imagerag.testing.loopback.instance import instance
from imagerag.testing.loopback.request import ServerRequest

if TYPE_CHECKING:
    from PIL.Image import Image

LETTERS_PER_TOKEN = 4
PIXELS_PER_TOKEN = 750
"""Rough rates, so that longer requests count more tokens: nobody's price list."""

PICTURE_TOKENS = 272
"""Output tokens of a picture."""

MODELS = ("gpt-4o-2024-08-06", "gpt-image-2", "claude-sonnet-4-5")

_TYPES: Mapping[int, tuple[str, str]] = {
    400: ("invalid_request_error", "invalid_request_error"),
    401: ("authentication_error", "authentication_error"),
    403: ("permission_error", "permission_error"),
    404: ("invalid_request_error", "not_found_error"),
    408: ("timeout", "timeout_error"),
    409: ("conflict", "conflict_error"),
    413: ("invalid_request_error", "request_too_large"),
    422: ("invalid_request_error", "invalid_request_error"),
    429: ("requests", "rate_limit_error"),
    529: ("server_error", "overloaded_error"),
}
"""Types of errors by status: OpenAI's and Anthropic's."""


def success(request: ServerRequest, answer: Answer, number: int) -> dict[str, Any]:
    """Return the body of a success; `number` makes ids unique."""
    build = {"anthropic": _message, "images": _pictures, "models": _models}
    body = build.get(request.wire, _completion)(request, answer, number)
    if not answer.usage:
        body.pop("usage", None)
    return {**body, **answer.change}


def error(
    request: ServerRequest,
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    kind: str | None = None,
) -> dict[str, Any]:
    """Return the body of an error; `kind` replaces the type that goes with the status."""
    theirs, other = _TYPES.get(status, ("server_error", "api_error"))
    if request.wire == "anthropic":
        return {
            "type": "error",
            "error": {"type": kind or other, "message": message},
            "request_id": "req_loopback",
        }
    told = {"message": message, "type": kind or theirs, "param": param, "code": code}
    return {"error": told}


def text_of(request: ServerRequest, content: Any) -> str:
    """Return the text a model would answer with."""
    if isinstance(content, str):
        return content
    return json.dumps(instance(request.schema) if content is None else content, ensure_ascii=False)


def _completion(request: ServerRequest, answer: Answer, number: int) -> dict[str, Any]:
    text = None if answer.refusal is not None else text_of(request, answer.content)
    seen, said = _tokens(request, answer, text or answer.refusal or "")
    images = _image_tokens(request)
    return {
        "id": f"chatcmpl-loopback{number:06d}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": answer.model or request.model,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": text,
                    "refusal": answer.refusal,
                    "annotations": [],
                },
                "logprobs": None,
                "finish_reason": answer.finish or "stop",
            }
        ],
        "usage": {
            "prompt_tokens": seen,
            "completion_tokens": said,
            "total_tokens": seen + said,
            "prompt_tokens_details": {
                "cached_tokens": 0,
                "audio_tokens": 0,
                "image_tokens": min(images, seen),
            },
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "fp_loopback",
    }


def _message(request: ServerRequest, answer: Answer, number: int) -> dict[str, Any]:
    text = text_of(request, answer.content)
    seen, said = _tokens(request, answer, text)
    block: dict[str, Any] = {"type": "text", "text": text}
    finish = "end_turn"
    if request.format == "tool" and not isinstance(answer.content, str):
        name = request.body["tool_choice"].get("name", "")
        block = {"type": "tool_use", "id": f"toolu_loopback{number:06d}", "name": name}
        block["input"] = json.loads(text)
        finish = "tool_use"
    return {
        "id": f"msg_loopback{number:06d}",
        "type": "message",
        "role": "assistant",
        "model": answer.model or request.model,
        "content": [block],
        "stop_reason": answer.finish or finish,
        "stop_sequence": None,
        "usage": {
            "input_tokens": seen,
            "output_tokens": said,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "service_tier": "standard",
        },
    }


def _pictures(request: ServerRequest, answer: Answer, number: int) -> dict[str, Any]:
    asked: Mapping[str, Any] = request.body if isinstance(request.body, Mapping) else {}
    size = str(asked.get("size") or "auto")
    form = str(asked.get("output_format") or "png")
    count = int(asked.get("n") or 1)
    pictures = _painted(request, answer.content, count, size)
    if request.images and answer.input_tokens is not None:
        images = min(_image_tokens(request), answer.input_tokens)
    else:
        images = _image_tokens(request)
    seen = answer.input_tokens
    seen = images + len(request.text) // LETTERS_PER_TOKEN if seen is None else seen
    said = answer.output_tokens
    said = PICTURE_TOKENS * len(pictures) if said is None else said
    return {
        "created": int(time.time()),
        "background": "opaque",
        "output_format": form,
        "quality": "low" if asked.get("quality") in (None, "auto") else asked["quality"],
        "size": f"{pictures[0].width}x{pictures[0].height}" if pictures else size,
        "data": [{"b64_json": base64.b64encode(file(p, form)).decode()} for p in pictures],
        "usage": {
            "input_tokens": seen,
            "input_tokens_details": {"image_tokens": images, "text_tokens": seen - images},
            "output_tokens": said,
            "output_tokens_details": {"image_tokens": said, "text_tokens": 0},
            "total_tokens": seen + said,
        },
    }


def _models(request: ServerRequest, answer: Answer, number: int) -> dict[str, Any]:
    listed = [
        {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "loopback"}
        for name in MODELS
    ]
    return {"object": "list", "data": listed}


def file(picture: Image, form: str) -> bytes:
    """Return a picture as the bytes of a file: "png", "jpeg" or "webp"."""
    buffer = io.BytesIO()
    picture.save(buffer, form.upper())
    return buffer.getvalue()


def _painted(request: ServerRequest, content: Any, count: int, size: str) -> list[Image]:
    from PIL import Image as PillowImage

    if isinstance(content, PillowImage.Image):
        return [content] * count
    if isinstance(content, Sequence) and content and isinstance(content[0], PillowImage.Image):
        return list(content)
    width, _, height = size.partition("x")
    shape = (int(width), int(height)) if width.isdigit() and height.isdigit() else (1024, 1024)
    seed = repr((content, request.texts, [image.digest for image in request.images]))
    pictures = []
    for number in range(count):
        colour = hashlib.sha256(f"{seed} {number}".encode()).digest()[:3]
        pictures.append(PillowImage.new("RGB", shape, (colour[0], colour[1], colour[2])))
    return pictures


def _image_tokens(request: ServerRequest) -> int:
    return sum(-(-image.width * image.height // PIXELS_PER_TOKEN) for image in request.images)


def _tokens(request: ServerRequest, answer: Answer, text: str) -> tuple[int, int]:
    letters = len(request.system) + len(request.text)
    counted = letters // LETTERS_PER_TOKEN + _image_tokens(request)
    seen = counted if answer.input_tokens is None else answer.input_tokens
    said = len(text) // LETTERS_PER_TOKEN + 1
    return seen, said if answer.output_tokens is None else answer.output_tokens
