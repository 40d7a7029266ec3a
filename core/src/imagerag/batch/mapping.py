"""Many prompts from Python: results come as an iterator, and nothing is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from imagerag.batch.budget import Budget, Limits
from imagerag.batch.engine import Engine
from imagerag.batch.halt import Halt
from imagerag.batch.prompts import PromptList
from imagerag.batch.row import RowError
from imagerag.batch.unit import Task
from imagerag.errors import BudgetError, ImageRAGError
from imagerag.run import Run
from imagerag.session import Session

AHEAD = 4
"""Windows of prompts that may be finished before one that comes earlier."""


@dataclass(frozen=True)
class Mapped:
    """One prompt of `ImageRAG.map` and what came of it: a run, or the error that it ended with.

    `number` counts the prompts from 1.
    """

    number: int
    prompt: str
    run: Run | None = None
    error: Exception | None = None


def map_prompts(
    session: Session,
    prompts: Iterable[str | Mapping[str, Any]],
    *,
    ordered: bool = True,
    limits: Limits | None = None,
) -> Iterator[Mapped]:
    """Take prompts through the method side by side, and yield each result.

    Prompts are read, in a thread, as there is room for them; results that nobody takes hold the
    work up. Closing the iterator ends the work when the calls under way have ended.

    Raises:
        BudgetError: The budget is used up; what was finished has been yielded.
        ImageRAGError: What every prompt would meet, or too many that failed one after the other.
    """
    session.check()
    limits = limits or Limits()
    with start_blocking_portal() as portal:
        feed = _Feed(session, prompts, AHEAD * session.settings.batch.window)
        work = _Work(session, feed, limits)
        portal.call(work.begin)
        ended = portal.start_task_soon(work.run)
        try:
            results = work.results(portal)
            for mapped in _in_order(results) if ordered else results:
                feed.let_in()
                yield mapped
        finally:
            feed.close()
            portal.call(work.end)
            ended.result()
        _raise(work.engine.halt)


class _Feed:
    """The tasks of an engine, from prompts; so many may be ahead of what was yielded."""

    def __init__(
        self, session: Session, prompts: Iterable[str | Mapping[str, Any]], ahead: int
    ) -> None:
        self.unread: list[Mapped] = []
        self._seed = session.settings.seed
        self._prompts = prompts
        self._room = threading.Semaphore(ahead)
        self._closed = False

    def tasks(self) -> Iterator[Task]:
        for one in PromptList(self._prompts):
            self._room.acquire()
            if self._closed:
                return
            if one.row is None:
                self.unread.append(Mapped(one.number, "", error=RowError(one.reason)))
                continue
            seed = self._seed if one.row.seed is None else one.row.seed
            yield Task(one.number, one.row, seed)

    def let_in(self) -> None:
        self._room.release()

    def close(self) -> None:
        self._closed = True
        self._room.release()


class _Work:
    """An engine in the portal's event loop, and the stream its results come through."""

    engine: Engine

    def __init__(self, session: Session, feed: _Feed, limits: Limits) -> None:
        self._session = session
        self._feed = feed
        self._limits = limits

    async def begin(self) -> None:
        room = self._session.settings.batch.window
        self._send, self._receive = anyio.create_memory_object_stream[Mapped](room)
        self.engine = Engine(
            self._session,
            self._feed.tasks(),
            budget=Budget(self._limits),
            deliver=self._deliver,
        )

    async def run(self) -> None:
        async with self._send:
            await self.engine.run()

    async def end(self) -> None:
        """Begin nothing more, and take no more results."""
        self.engine.stop(Halt("interrupted", "the iterator was closed.", 130))
        self._receive.close()

    async def _deliver(self, task: Task, run: Run | None, error: Exception | None) -> None:
        with suppress(anyio.BrokenResourceError):  # nobody takes results any more
            await self._send.send(Mapped(task.number, task.row.prompt, run, error))

    def results(self, portal: BlockingPortal) -> Iterator[Mapped]:
        while True:
            while self._feed.unread:
                yield self._feed.unread.pop(0)
            try:
                yield portal.call(self._receive.receive)
            except anyio.EndOfStream:
                break
        yield from self._feed.unread


def _in_order(results: Iterator[Mapped]) -> Iterator[Mapped]:
    waiting: dict[int, Mapped] = {}
    number = 1
    for result in results:
        waiting[result.number] = result
        while number in waiting:
            yield waiting.pop(number)
            number += 1
    for number in sorted(waiting):  # where the work ended before its last prompt
        yield waiting[number]


def _raise(halt: Halt | None) -> None:
    if halt is None or halt.outcome == "interrupted":
        return
    if halt.error is not None:
        raise halt.error
    raise BudgetError(halt.reason) if halt.outcome == "budget" else ImageRAGError(halt.reason)
