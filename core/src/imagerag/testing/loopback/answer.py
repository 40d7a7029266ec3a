"""What a script may hold besides faults: values, with what is told about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """A success in the wire format that was asked for.

    `content` is a text, a value that is sent as JSON text (a mapping, list, number, boolean), or,
    for the images API, a picture or a list of pictures; None stands for a value of the schema that
    was asked for. A text answers the images API with a picture of one colour that depends on the
    text, the prompt and the pictures that were sent.

    `seconds` is how long the answer takes. `input_tokens` and `output_tokens` replace the counted
    ones, `usage = False` leaves them out, as some local servers do. `model` replaces the name that
    was asked for. `finish` and `refusal` are the OpenAI fields of that name, `finish` also being
    Anthropic's `stop_reason`. `change` is merged into the finished body, at its top.
    """

    content: Any = None
    seconds: float = 0.0
    input_tokens: int | None = None
    output_tokens: int | None = None
    usage: bool = True
    model: str | None = None
    finish: str | None = None
    refusal: str | None = None
    change: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plain:
    """A response given byte by byte: status, headers and body as they are sent."""

    status: int = 200
    body: bytes | str = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
