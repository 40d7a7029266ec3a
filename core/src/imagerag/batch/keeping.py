"""What an engine keeps of its tasks in a store, if it has one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from imagerag.batch.journal import (
    Done,
    Journal,
    ended_run,
    failed_step,
    finished_run,
    finished_step,
    kept_steps,
    repainted,
)
from imagerag.batch.pictures import PictureFiles
from imagerag.batch.station import Job
from imagerag.batch.store import RunStore
from imagerag.batch.unit import Kept, Task, Unit
from imagerag.performing import drawn
from imagerag.run import Run
from imagerag.steps import Drawn, Fetch, Paint

InThread = Callable[..., Awaitable[Any]]


class Keeper:
    """Keeps steps, records, pictures and failures; without a store, nothing."""

    def __init__(
        self, store: RunStore | None, versions: dict[str, str], in_thread: InThread
    ) -> None:
        self._store = store
        self._versions = versions
        self._in_thread = in_thread
        self.journal = Journal(store) if store is not None else None
        self.pictures: PictureFiles | None = store.pictures if store is not None else None

    def steps_of(self, task: Task) -> Kept:
        """Return what was kept of a task by an earlier turn."""
        return kept_steps(self._store, task.key) if self._store is not None else {}

    async def settle(self, job: Job) -> None:
        """Write down what was painted, and keep the picture."""
        if isinstance(job.step, Paint):
            job.answer = await self._in_thread(self._settled, job.answer)

    def _settled(self, answer: Any) -> Drawn:
        found = drawn(*answer)
        if self.pictures is not None:
            self.pictures.put(found.image, found.painted.pixels_sha256)
        return found

    async def keep(self, unit: Unit, job: Job) -> None:
        """Have an answer on the disk before anything follows from it."""
        if self.journal is None or isinstance(job.step, Fetch):
            return
        place = (unit.task.key, unit.position)
        write = finished_step
        if unit.lost is not None:
            if unit.same_again(job.answer):
                # Only its file was gone: what was paid for it then is in the ledger already.
                await self.journal.write(failed_step(*place, job.step.stage, job.done.ledger))
                job.done = Done(unit.lost.seconds, 0.0, unit.lost.ledger, unit.lost.decisions)
                return
            write = repainted
        await self.journal.write(write(*place, job.step, job.answer, job.done))

    async def keep_costs(self, unit: Unit, job: Job) -> None:
        """Write down what was paid for a step of which nothing came."""
        if self.journal is not None and job.done.ledger:
            await self.journal.write(
                failed_step(unit.task.key, unit.position, job.step.stage, job.done.ledger)
            )

    async def keep_run(self, task: Task, run: Run) -> None:
        """Have a record on the disk, with small copies of the references it shows."""
        if self.journal is None:
            return
        if run.references:
            await self._in_thread(self._keep_references, run)
        await self.journal.write(finished_run(task.key, run, self._versions))

    def _keep_references(self, run: Run) -> None:
        assert self.pictures is not None
        for reference in run.references:
            self.pictures.put_reference(reference.image, reference.digest)

    async def keep_end(self, task: Task, state: str, kind: str, reason: str) -> None:
        """Write down why a task is not done."""
        if self.journal is not None:
            await self.journal.write(ended_run(task.key, state, kind, reason))
