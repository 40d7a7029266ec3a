"""A place where steps wait for the component that carries them out, and where it does so."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

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
    ended: anyio.Event = field(init=False)
    kept: anyio.Event = field(default_factory=anyio.Event)


Work = Callable[[Sequence[Job], int], Awaitable[object]]
"""Carries out jobs together, in the place with that number, and leaves answers in them."""

Told = Callable[["Station"], None]


class _Place:
    """Where one call is under way, with another behind it where the station works ahead."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.calls: deque[Sequence[Job]] = deque()
        self.held = False
        """Whether it stays empty until answers are on the disk."""
        self.free_since = 0.0
        streams = anyio.create_memory_object_stream[Sequence[Job]](depth)
        self.send: MemoryObjectSendStream[Sequence[Job]] = streams[0]
        self.receive: MemoryObjectReceiveStream[Sequence[Job]] = streams[1]

    @property
    def load(self) -> int:
        """How many calls it has; to be held counts as one."""
        return len(self.calls) + self.held


class Station:
    """Jobs of one kind wait here, and are handed to places that carry them out.

    A place is handed the oldest job and others that fit into one call with it; those that are
    `later` wait for all others, so that what was begun is finished first. Where fewer wait than
    fit and more may come, a free place waits for them a little. How many wait is bounded by whoever
    asks: each task under way has one job at most.

    With `until_kept` a place is taken until the answers are on the disk (`Job.kept`): then a crash
    never costs more answers than there are places. With `ahead` a place is handed the next full
    call while one is under way, so that nothing lies between the two but what `work` itself does:
    `work` is then called twice at once for a place, and has to take turns.
    """

    def __init__(
        self,
        name: str,
        work: Work,
        *,
        places: int = 1,
        together: int = 1,
        later: Callable[[Job], bool] = lambda job: False,
        alike: Callable[[Job], Hashable] = lambda job: None,
        told: Told = lambda station: None,
        expecting: Callable[[], bool] = lambda: False,
        until_kept: bool = False,
        ahead: bool = False,
    ) -> None:
        self.name = name
        self.places = places
        self.closed = False
        self._mean = 0.0
        self._work = work
        self._together = together
        self._alike = alike
        self._later = later
        self._told = told
        self._expecting = expecting
        self._until_kept = until_kept
        self._waiting: list[Job] = []
        self._places = [_Place(2 if ahead else 1) for _ in range(places)]
        self._tasks: TaskGroup | None = None
        self._patience = 0
        """Counts the waits for company, so that one that is over ends no later one."""
        self._lingering = False

    @property
    def busy(self) -> int:
        """How many jobs are being carried out."""
        return sum(len(place.calls[0]) for place in self._places if place.calls)

    @property
    def waiting(self) -> int:
        """How many jobs wait, those that a place will do next included."""
        return self.jobs - self.busy

    @property
    def jobs(self) -> int:
        """How many jobs are here: those that wait, and those being carried out."""
        return len(self._waiting) + sum(len(one) for place in self._places for one in place.calls)

    async def do(self, job: Job) -> None:
        """Have a job carried out; raises what went wrong with it.

        Raises `DismissedError` where the station was dismissed before the job was begun.
        """
        if self.closed:
            raise DismissedError
        job.ended = anyio.Event()
        self._waiting.append(job)
        self._hand_out()
        self._told(self)
        await job.ended.wait()
        if job.error is not None:
            raise job.error

    async def run(self) -> None:
        """Carry out jobs until cancelled."""
        async with anyio.create_task_group() as self._tasks:
            for place in range(self.places):
                for _ in range(self._places[place].depth):
                    self._tasks.start_soon(self._serve, place)
            self._hand_out()

    def dismiss(self) -> None:
        """Begin no more jobs; those that wait are told."""
        self.closed = True
        while self._waiting:
            job = self._waiting.pop()
            job.error = DismissedError()
            job.ended.set()

    def close(self) -> None:
        """Close the streams."""
        for place in self._places:
            place.send.close()
            place.receive.close()

    async def _serve(self, number: int) -> None:
        place = self._places[number]
        while True:
            jobs = await place.receive.receive()
            handed = time.monotonic()
            try:
                await self._work(jobs, number)
            except Exception as error:
                for job in jobs:
                    job.error = job.error or error
            now = time.monotonic()
            spent = now - max(handed, place.free_since)
            self._mean = spent if not self._mean else 0.8 * self._mean + 0.2 * spent
            place.free_since = now
            place.calls.remove(jobs)
            place.held = self._until_kept
            self._told(self)
            for job in jobs:
                job.ended.set()
            if place.held:
                for job in jobs:
                    await job.kept.wait()
                place.held = False
            self._hand_out()

    def _hand_out(self) -> None:
        """Hand jobs that wait to places that can take them."""
        while self._waiting and self._tasks is not None:
            place = min(self._places, key=lambda one: one.load)
            if place.load == place.depth:
                return
            jobs = self._company()
            if len(jobs) < self._together and (place.calls or self._may_wait()):
                return
            self._hand(place, jobs)

    def _hand(self, place: _Place, jobs: Sequence[Job]) -> None:
        self._lingering = False
        for job in jobs:
            self._waiting.remove(job)
        place.calls.append(jobs)
        place.send.send_nowait(jobs)

    def _may_wait(self) -> bool:
        """Say whether a free place should wait for more jobs, and begin to."""
        if not self._expecting():
            return False
        if not self._lingering:
            self._lingering = True
            self._patience += 1
            assert self._tasks is not None
            self._tasks.start_soon(self._linger, self._patience)
        return True

    async def _linger(self, patience: int) -> None:
        await anyio.sleep(min(LINGER * self._mean, LONGEST_LINGER))
        if self._lingering and patience == self._patience and self._waiting:
            place = min(self._places, key=lambda one: one.load)
            self._lingering = False
            if not place.load:
                self._hand(place, self._company())

    def _company(self) -> list[Job]:
        """Return the first full call that could be made, else the one of the oldest job."""
        if self._together == 1:
            return [min(self._waiting, key=self._later)]
        calls: dict[Hashable, list[Job]] = {}
        for job in sorted(self._waiting, key=self._later):
            company = calls.setdefault(self._alike(job), [])
            company.append(job)
            if len(company) == self._together:
                return company
        return next(iter(calls.values()))
