"""An event loop in a thread of its own, to which any thread can hand work."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from typing import TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

T = TypeVar("T")


class WorkerClosedError(Exception):
    """The worker was closed while the work was under way."""


class Worker:
    """Runs coroutines for threads that wait for them.

    The loop starts with the first work. Where nobody closes the worker, it ends with the object,
    or with the process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._end: Callable[[], object] = _nothing

    def run(self, work: Callable[[], Awaitable[T]], seconds: float) -> T:
        """Return what `work` gives, run in the loop.

        An exception in the waiting thread, such as that of Ctrl-C, cancels the work.

        Raises:
            TimeoutError: It took longer than `seconds`; it has been cancelled.
            WorkerClosedError: Another thread closed the worker meanwhile.
        """
        try:
            future = self._started().start_task_soon(work)
        except RuntimeError:
            raise WorkerClosedError from None
        try:
            return future.result(seconds)
        except CancelledError:
            raise WorkerClosedError from None
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cancel what is under way and end the thread. Calling it twice does nothing more."""
        with self._lock:
            self._portal, end, self._end = None, self._end, _nothing
        end()

    def _started(self) -> BlockingPortal:
        with self._lock:
            if self._portal is None:
                running = start_blocking_portal()
                self._portal = running.__enter__()
                # Runs at exit too, while daemon threads still run: after that, waiting for the
                # loop to stop would be waiting for ever.
                self._end = weakref.finalize(self, _stop, running, self._portal)
            return self._portal


def _stop(
    running: contextlib.AbstractContextManager[BlockingPortal], portal: BlockingPortal
) -> None:
    with contextlib.suppress(RuntimeError):  # it has stopped already
        portal.call(portal.stop, True)
    running.__exit__(None, None, None)


def _nothing() -> None:
    return None
