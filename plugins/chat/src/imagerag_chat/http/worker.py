"""An event loop in a thread of its own, to which any thread can hand work."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Farewell: TypeAlias = Callable[[], Awaitable[object]]

PARTING = 2.0
"""Longest wait, in seconds, for the thread to end. One that looks up a name cannot be interrupted,
and is left to end by itself."""


class WorkerClosedError(Exception):
    """The worker was closed while the work was under way."""


class Worker:
    """Runs coroutines for threads that wait for them.

    The loop starts with the first work, and with the first after `close`. Where nobody closes the
    worker, it ends with the object, or with the process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: Callable[[], object] = _nothing
        self._farewells: list[Farewell] = []
        self._under_way: set[asyncio.Task[Any]] = set()

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], seconds: float) -> T:
        """Return what `work` gives, run in the loop.

        An exception in the waiting thread, such as that of Ctrl-C, cancels the work.

        Raises:
            TimeoutError: It took longer than `seconds`; it has been cancelled.
            WorkerClosedError: Another thread closed the worker meanwhile.
        """
        loop, under_way = self._started()
        coroutine = _watched(work, under_way)
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        except RuntimeError:  # the loop was closed since
            coroutine.close()
            raise WorkerClosedError from None
        try:
            return future.result(seconds)
        except CancelledError:
            raise WorkerClosedError from None
        except BaseException:
            future.cancel()
            raise

    def before_the_end(self, farewell: Farewell) -> None:
        """Have something done in the loop before it ends, once nothing else is under way."""
        self._farewells.append(farewell)

    def close(self) -> None:
        """Cancel what is under way and end the thread. Calling it twice does nothing more."""
        with self._lock:
            self._loop, end, self._end = None, self._end, _nothing
            self._farewells, self._under_way = [], set()
        end()

    def _started(self) -> tuple[asyncio.AbstractEventLoop, set[asyncio.Task[Any]]]:
        with self._lock:
            if self._loop is None:
                ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
                thread = threading.Thread(
                    target=asyncio.run,
                    args=(_serve(ready, self._under_way, self._farewells),),
                    name="imagerag-http",
                    daemon=True,
                )
                thread.start()
                self._loop, stop = ready.result()
                # Runs at exit, too, and then before daemon threads are left behind.
                self._end = weakref.finalize(self, _end, self._loop, stop, thread)
            return self._loop, self._under_way


async def _watched(
    work: Callable[[], Coroutine[Any, Any, T]], under_way: set[asyncio.Task[Any]]
) -> T:
    task = asyncio.current_task()
    assert task is not None
    under_way.add(task)
    try:
        return await work()
    finally:
        under_way.discard(task)


async def _serve(
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]],
    under_way: set[asyncio.Task[Any]],
    farewells: list[Farewell],
) -> None:
    stop = asyncio.Event()
    ready.set_result((asyncio.get_running_loop(), stop))
    await stop.wait()
    # Only whole pieces of work: each cancels the tasks that it has started by itself.
    ending = list(under_way)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
    for farewell in farewells:
        with contextlib.suppress(Exception):  # what is not closed in order ends with the loop
            async with asyncio.timeout(PARTING / 2):
                await farewell()


def _end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event, thread: threading.Thread) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed already
        loop.call_soon_threadsafe(stop.set)
    if thread is not threading.current_thread():  # the garbage collector may run anywhere
        thread.join(PARTING)


def _nothing() -> None:
    return None
