"""What is asked of a vision-language model, and what comes back, whoever runs the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from imagerag.values import Filtered, Malformed, Refused, Truncated, Unavailable, Usage

if TYPE_CHECKING:
    from PIL.Image import Image

Trouble: TypeAlias = Refused | Filtered | Truncated | Malformed | Unavailable
"""The answers that are of no use: the last five members of the union `Review`."""


@dataclass(frozen=True)
class Question:
    """One question: a conversation of one turn, which holds everything the model needs.

    `call` names it ("review", "match", "concepts", "captions", "plan", "compare", "caption",
    "choose", "edits"). `system` says who the model is and by what rules it answers; `text` is the
    question, with what users and models wrote fenced off as data. `images` are shown in this order,
    before the text. `schema` is a strict JSON schema of the answer (every key required, no other
    allowed), or None where plain text is asked for; `text` describes the same form in words, so
    that a model without structured output can follow it. `max_tokens` bounds the answer.
    """

    call: str
    system: str
    text: str
    images: tuple[Image, ...] = field(default=(), compare=False)
    schema: Mapping[str, Any] | None = None
    max_tokens: int = 1024


@dataclass(frozen=True)
class Reply:
    """The words of the model in `text`, or what went wrong in `trouble`: one of the two.

    `usage` is what the call cost. `ChatCritic` completes it (`call`, `outcome`, `images`) and puts
    it into the ledger; an `answer` that raises instead of replying does so itself.
    """

    text: str = ""
    trouble: Trouble | None = None
    usage: Usage | None = None
