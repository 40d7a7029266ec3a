"""What the critics of imagerag share that ask a vision-language model.

The names below are imported on first use; importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagerag_chat.config import ChatConfig
    from imagerag_chat.critic import ChatCritic
    from imagerag_chat.picture import Picture, encode
    from imagerag_chat.question import Question, Reply, Trouble

__all__ = ["ChatConfig", "ChatCritic", "Picture", "Question", "Reply", "Trouble", "encode"]

_HOMES = {
    "ChatConfig": "config",
    "ChatCritic": "critic",
    "Picture": "picture",
    "Question": "question",
    "Reply": "question",
    "Trouble": "question",
    "encode": "picture",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
