"""Calling components in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


class Turns:
    """Lets calls in threads take turns, in the order in which they were announced."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._announced = 0
        self._next = 0
        self._gone: set[int] = set()

    def announce(self) -> int:
        """Return the number of a call that is to come; each is to be taken or given up."""
        self._announced += 1
        return self._announced - 1

    @contextmanager
    def taken(self, number: int) -> Iterator[None]:
        """Wait for the turn of that number, and hold it while inside."""
        with self._changed:
            self._changed.wait_for(lambda: self._next >= number)
        try:
            yield
        finally:
            self.give_up(number)

    def give_up(self, number: int) -> None:
        """Let others pass; for a turn that is over this does nothing more."""
        with self._changed:
            if number >= self._next:
                self._gone.add(number)
            while self._next in self._gone:
                self._gone.remove(self._next)
                self._next += 1
            self._changed.notify_all()
