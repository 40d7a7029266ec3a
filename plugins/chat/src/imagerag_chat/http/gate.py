"""How many calls go to one server at a time, counted over the whole process."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_under_way: Counter[str] = Counter()
_changed = threading.Condition()


@contextmanager
def a_place(server: str, limit: int, until: float) -> Iterator[bool]:
    """Wait for a place among the calls to `server`, and give it up at the end of the block.

    Args:
        server: Names the server; components that name the same one share its places.
        limit: Most calls at one time, for this caller.
        until: When to stop waiting, on the clock of `time.monotonic`.

    Yields:
        Whether there was a place in time.
    """
    with _changed:
        while _under_way[server] >= limit:
            left = until - time.monotonic()
            if left <= 0 or not _changed.wait(left):
                break
        admitted = _under_way[server] < limit
        if admitted:
            _under_way[server] += 1
    try:
        yield admitted
    finally:
        if admitted:
            with _changed:
                _under_way[server] -= 1
                if not _under_way[server]:
                    del _under_way[server]
                _changed.notify_all()
