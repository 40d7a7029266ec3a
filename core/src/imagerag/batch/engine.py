"""Many prompts side by side: each goes through the method, and stations carry out its steps."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from itertools import islice

import anyio

from imagerag.batch.budget import Budget
from imagerag.batch.crew import AT_ONCE, FILES, Crew
from imagerag.batch.halt import GENERAL, Halt, Streak, broken
from imagerag.batch.keeping import Keeper
from imagerag.batch.measuring import Measured
from imagerag.batch.sharing import with_collection
from imagerag.batch.station import DismissedError, Job, Station
from imagerag.batch.store import RunStore
from imagerag.batch.threads import in_thread
from imagerag.batch.unit import Task, Unit
from imagerag.events import Event
from imagerag.run import Run
from imagerag.session import Session
from imagerag.steps import Drawn, Paint
from imagerag.values import Unavailable

GRACE = 1.2
"""Seconds that calls under way are given when a batch is to end at once."""

_OUT_OF_REACH = "unavailable"

Deliver = Callable[[Task, Run | None, Exception | None], Awaitable[None]]


class AwayError(Exception):
    """A provider could not be reached: the row is to be done another time."""


class Engine:
    """Takes tasks through the method until none is left, or something ends it.

    At most `window` tasks are under way; a task is read when there is room for it, and its result
    is delivered and let go of. With a store every finished step is on the disk before the next one
    of its task begins.
    """

    def __init__(
        self,
        session: Session,
        tasks: Iterable[Task],
        *,
        store: RunStore | None = None,
        budget: Budget,
        deliver: Deliver | None = None,
        done: int = 0,
        total: int = 0,
    ) -> None:
        self.session = session
        self.halt: Halt | None = None
        self.peaks: dict[str, tuple[int, int]] = {}
        self.abandoned = False
        self._tasks = iter(tasks)
        self._budget = budget
        self._deliver = deliver
        self._done, self._total = done, total
        self._sessions: dict[str | None, Session] = {None: session}
        self._window = session.settings.batch.window
        self._room = anyio.CapacityLimiter(self._window)
        self._under_way = 0
        self._all_read = False
        self._streak = Streak(session.settings.batch.give_up_after)
        self._halted = anyio.Event()
        self._keeper = Keeper(store)
        self.crew = Crew(
            session,
            told=self._level,
            peak=self._peak,
            expecting=self._expecting,
            quiet=self._quiet,
            painted=self._keeper.settle_small,
        )
        self._settling = Station("settle", self._keeper.settle, places=FILES, together=AT_ONCE)

    async def run(self) -> Halt | None:
        """Work until the tasks are done; return why it ended before, None where it did not."""
        try:
            async with anyio.create_task_group() as crew:
                if self._keeper.journal is not None:
                    crew.start_soon(self._keeper.journal.run)
                for station in (*self.crew.stations.values(), self._settling):
                    crew.start_soon(station.run)
                crew.start_soon(self._watch_the_clock)
                await self._work()
                crew.cancel_scope.cancel()
        finally:
            self.crew.close()
            self._settling.close()
            for name, session in self._sessions.items():
                if name is not None and not self.abandoned:
                    session.close()
        return self.halt

    def stop(self, halt: Halt) -> None:
        """End the batch; the first reason counts."""
        if self.halt is None:
            self.halt = halt
            self._halted.set()
            for station in self.crew.stations.values():
                station.dismiss()

    def over(self) -> bool:
        """Whether nothing more is to be begun."""
        return self._halted.is_set()

    async def _work(self) -> None:
        async with anyio.create_task_group() as units:
            units.start_soon(self._leave_at_once, units.cancel_scope)
            async for task in self._admitted():
                units.start_soon(self._one, task)
            for place in range(self._window):  # a unit under way holds a place in the room
                await self._room.acquire_on_behalf_of(place)
            units.cancel_scope.cancel()

    async def _admitted(self) -> AsyncIterator[Task]:
        """Yield tasks as there is room for them; they are read a few at a time."""
        ahead = max(1, min(self._window // 2, 64))
        while not self.over():
            some = await in_thread(lambda: list(islice(self._tasks, ahead)))
            if not some:
                self._all_read = True
                self.crew.residency.stir()
                return
            for task in some:
                await self._room.acquire_on_behalf_of(task)
                if self.over():
                    self._room.release_on_behalf_of(task)
                    return
                self._under_way += 1
                yield task

    async def _leave_at_once(self, scope: anyio.CancelScope) -> None:
        await self._halted.wait()
        assert self.halt is not None
        if self.halt.at_once:
            await anyio.sleep(GRACE)
            self.abandoned = True
            scope.cancel()

    async def _watch_the_clock(self) -> None:
        if (left := self._budget.left()) != float("inf"):
            await anyio.sleep(max(0.0, left))
            self.stop(self._budget.out_of_time())

    async def _one(self, task: Task) -> None:
        """Take one task through the method."""
        started = time.monotonic()
        self._tell(Event("started", "run", run=task.number))
        try:
            unit = await self._opened(task)
            while unit.step is not None and not self.over():
                await self._step(unit)
            if unit.run is not None:
                await self._finish(unit, time.monotonic() - started)
        except DismissedError:
            pass  # it waits for another turn
        except GENERAL as error:
            self.stop(broken(error))
            self._tell(Event("failed", "run", run=task.number, note=str(error)))
        except AwayError as error:
            await self._failed(task, "pending", _OUT_OF_REACH, error)
        except Exception as error:
            await self._failed(task, "failed", type(error).__name__, error)
        finally:
            self._under_way -= 1
            self._room.release_on_behalf_of(task)
            self.crew.residency.stir()

    async def _opened(self, task: Task) -> Unit:
        unit = Unit(task, self._session_of(task))

        def begin() -> None:
            kept = self._keeper.steps_of(task) if task.begun else {}
            unit.open(kept, self._keeper.pictures)

        if task.begun or task.row.images:
            await in_thread(begin)
        else:
            begin()  # nothing is to be read, so no thread is needed
        return unit

    def _session_of(self, task: Task) -> Session:
        name = task.row.collection
        if name not in self._sessions:
            assert name is not None
            self._sessions[name] = with_collection(self.session, name)
        return self._sessions[name]

    async def _step(self, unit: Unit) -> None:
        """Have the step that waits carried out, and its answer kept, and go on to the next."""
        step = unit.step
        assert step is not None
        station = self.crew.of(step)
        halt = await self._budget.set_aside(station.name)
        if halt is not None:
            self.stop(halt)
            return
        job = Job(unit.task.number, unit.session, step)
        self._tell(Event("started", step.stage, run=job.run))
        try:
            await self._carried_out(unit, job, station)
            await self._keeper.keep(unit, job)
        finally:
            job.kept.set()  # however it ended: the station's place waits for this
        self._tell(Event("finished", step.stage, seconds=job.done.seconds, run=job.run))
        if unit.position in unit.kept:
            await in_thread(unit.answer, job.answer, job.done, self._keeper.pictures)
        else:
            unit.answer(job.answer, job.done, self._keeper.pictures)

    async def _carried_out(self, unit: Unit, job: Job, station: Station) -> None:
        try:
            await station.do(job)
            if isinstance(job.step, Paint) and not isinstance(job.answer, Drawn):
                await self._settling.do(job)
            self._heed(job)
        except Exception as error:
            await self._keeper.keep_costs(unit, job)
            self._tell(Event("failed", job.step.stage, run=job.run, note=str(error)))
            raise
        finally:
            self._budget.settle(station.name, job.done.ledger, job.done.seconds)

    def _heed(self, job: Job) -> None:
        """Raise where the provider was out of reach: neither answer nor tie is to be kept."""
        away = isinstance(job.answer, Unavailable)
        if away or any(line.outcome == _OUT_OF_REACH for line in job.done.ledger):
            raise AwayError(getattr(job.answer, "note", "") or "no answer came")

    async def _finish(self, unit: Unit, seconds: float) -> None:
        run, task = unit.run, unit.task
        assert run is not None
        await self._keeper.keep_run(task, run)
        self._streak.went_well()
        if self._deliver is not None:
            await self._deliver(task, run, None)
        self._tell(
            Event(
                "finished",
                "run",
                seconds=seconds,
                run=task.number,
                usd=run.usd,
                note=f"kept: {run.kept}",
            )
        )
        self._count()

    async def _failed(self, task: Task, state: str, kind: str, error: Exception) -> None:
        reason = str(error) or kind
        try:
            await self._keeper.keep_end(task, state, kind, reason)
            if self._deliver is not None:
                await self._deliver(task, None, error)
        except GENERAL as trouble:
            self.stop(broken(trouble))
        self._tell(Event("failed", "run", run=task.number, note=reason))
        if state == "failed":
            self._count()
        if (halt := self._streak.failed(kind, reason)) is not None:
            self.stop(halt)

    def _count(self) -> None:
        self._done += 1
        usd = self._budget.spent
        self._tell(Event("advanced", "batch", done=self._done, total=self._total, usd=usd))

    def _expecting(self) -> bool:
        """Say whether more pictures may soon be asked for than wait already."""
        return self._under_way > self.crew.stations["paint"].jobs

    def _quiet(self, ready: set[str]) -> bool:
        """Say whether all that could be under way waits for roles that are not all ready."""
        full = self._all_read or self.over() or self._under_way == self._window
        return full and self.crew.stuck(ready) >= self._under_way

    def _peak(self, stage: str, found: Measured) -> None:
        memory, gpu = self.peaks.get(stage, (0, 0))
        self.peaks[stage] = (max(memory, found.memory), max(gpu, found.gpu_memory))

    def _level(self, station: Station) -> None:
        self.crew.residency.stir()
        if self.session.broadcast.heard:
            level = Event("level", station.name, done=station.busy, waiting=station.waiting)
            self._tell(level)

    def _tell(self, event: Event) -> None:
        self.session.broadcast.send(event)
