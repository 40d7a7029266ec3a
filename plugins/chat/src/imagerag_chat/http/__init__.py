"""Asking providers over HTTP: one client, one retry layer, one deadline, one list of prices.

The names below are imported on first use; importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagerag_chat.http.attempt import Attempt
    from imagerag_chat.http.client import BoundedClient
    from imagerag_chat.http.config import HTTPConfig, ProviderConfig
    from imagerag_chat.http.critic import HTTPCritic
    from imagerag_chat.http.ledger import usage
    from imagerag_chat.http.line import Line, Outcome
    from imagerag_chat.http.manners import Manners
    from imagerag_chat.http.prices import Price, Tokens, count, image_tokens, price_of

__all__ = [
    "Attempt",
    "BoundedClient",
    "HTTPConfig",
    "HTTPCritic",
    "Line",
    "Manners",
    "Outcome",
    "Price",
    "ProviderConfig",
    "Tokens",
    "count",
    "image_tokens",
    "price_of",
    "usage",
]

_HOMES = {
    "Attempt": "attempt",
    "BoundedClient": "client",
    "HTTPConfig": "config",
    "HTTPCritic": "critic",
    "Line": "line",
    "Manners": "manners",
    "Outcome": "line",
    "Price": "prices",
    "ProviderConfig": "config",
    "Tokens": "prices",
    "count": "prices",
    "image_tokens": "prices",
    "price_of": "prices",
    "usage": "ledger",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
