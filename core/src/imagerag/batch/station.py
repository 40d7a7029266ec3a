"""A place where steps wait for the component that carries them out, and where it does so."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from imagerag.batch.journal import Done
from imagerag.session import Session
from imagerag.steps import Step

LINGER = 0.25
"""Share of a call's time that a place waits for more to fill the call with."""

LONGEST_LINGER = 5.0
"""Seconds that it waits at most."""


class DismissedError(Exception):
    """The batch ended before this job was begun."""


@dataclass(eq=False)
class Job:
    """A step of one prompt that waits to be carried out, and then what came of it."""

    run: int
    session: Session
    step: Step
    answer: Any = None
    done: Done = field(default_factory=Done)
    error: Exception | None = None
    ended: anyio.Event = field(default_factory=anyio.Event)
    kept: anyio.Event = field(default_factory=anyio.Event)


Work = Callable[[Sequence[Job], int], Awaitable[object]]
"""Carries out jobs together, in the place with that number, and leaves answers in them."""

Told = Callable[["Station"], None]


class Station:
    """Jobs of one kind: a bounded stream in which they wait, and places that take them from it.

    A place takes the oldest job and others that fit into one call with it; those that are `later`
    wait for all others, so that what was begun is finished first. Where fewer wait than fit and
    more may come, it waits for them a little. With `until_kept` a place is taken until the answers
    are on the disk (`Job.kept`): then a crash never costs more answers than there are places.
    """

    def __init__(
        self,
        name: str,
        work: Work,
        *,
        room: int,
        places: int = 1,
        together: int = 1,
        later: Callable[[Job], bool] = lambda job: False,
        alike: Callable[[Job], Hashable] = lambda job: None,
        told: Told = lambda station: None,
        expecting: Callable[[], bool] = lambda: False,
        until_kept: bool = False,
    ) -> None:
        self.name = name
        self.places = places
        self.busy = 0
        self.mean = 0.0
        self._work = work
        self._together = together
        self._alike = alike
        self._later = later
        self._told = told
        self._expecting = expecting
        self._until_kept = until_kept
        self._send, self._receive = anyio.create_memory_object_stream[Job](room)
        self._waiting: list[Job] = []
        self._picking = anyio.Lock()
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting) + self._receive.statistics().current_buffer_used

    async def do(self, job: Job) -> None:
        """Have a job carried out; raises what went wrong with it.

        Raises `DismissedError` where the station was dismissed before the job was begun.
        """
        if self._closed:
            raise DismissedError
        job.ended = anyio.Event()
        await self._send.send(job)
        self._told(self)
        await job.ended.wait()
        if job.error is not None:
            raise job.error

    async def run(self, place: int) -> None:
        """Carry out jobs in one place, until cancelled."""
        while True:
            jobs = await self._pick()
            self.busy += len(jobs)
            self._told(self)
            started = time.monotonic()
            try:
                await self._work(jobs, place)
            except Exception as error:
                for job in jobs:
                    job.error = job.error or error
            finally:
                self.busy -= len(jobs)
            spent = time.monotonic() - started
            self.mean = spent if not self.mean else 0.8 * self.mean + 0.2 * spent
            self._told(self)
            for job in jobs:
                job.ended.set()
            if self._until_kept:
                for job in jobs:
                    await job.kept.wait()

    async def _pick(self) -> list[Job]:
        async with self._picking:
            until = None
            while True:
                self._drain()
                if not self._waiting:
                    job = await self._receive.receive()
                    self._waiting.append(job)
                    continue
                jobs = self._company()
                if len(jobs) == self._together or not self._expecting():
                    break
                if until is None:
                    linger = min(LINGER * self.mean, LONGEST_LINGER)
                    until = anyio.current_time() + linger
                with anyio.move_on_at(until) as scope:
                    job = await self._receive.receive()
                    self._waiting.append(job)
                if scope.cancelled_caught and self._waiting:
                    jobs = self._company()
                    break
            for job in jobs:
                self._waiting.remove(job)
            return jobs

    def _drain(self) -> None:
        while True:
            try:
                self._waiting.append(self._receive.receive_nowait())
            except (anyio.WouldBlock, anyio.ClosedResourceError):
                return

    def dismiss(self) -> None:
        """Begin no more jobs; those that wait are told."""
        self._closed = True
        self._drain()
        while self._waiting:
            job = self._waiting.pop()
            job.error = DismissedError()
            job.ended.set()

    def _company(self) -> list[Job]:
        """Return the first full call that could be made, else the one of the oldest job."""
        calls: dict[Hashable, list[Job]] = {}
        for job in sorted(self._waiting, key=self._later):
            company = calls.setdefault(self._alike(job), [])
            company.append(job)
            if len(company) == self._together:
                return company
        return next(iter(calls.values()))

    def close(self) -> None:
        """Close the stream."""
        self._send.close()
        self._receive.close()
