"""Calling components in threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import anyio
from anyio import lowlevel, to_thread

T = TypeVar("T")

MOST = 4096
"""Threads at once. What is to be bounded is bounded by the stations."""

_LIMIT: lowlevel.RunVar[anyio.CapacityLimiter] = lowlevel.RunVar("imagerag_threads")


async def in_thread(call: Callable[..., T], *arguments: Any) -> T:
    """Call something in a thread; at an interruption it is left to itself."""
    try:
        limiter = _LIMIT.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(MOST)
        _LIMIT.set(limiter)
    return await to_thread.run_sync(call, *arguments, limiter=limiter, abandon_on_cancel=True)
