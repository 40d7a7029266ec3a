"""What an engine keeps of its tasks in a store, if it has one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
from imagerag.batch.threads import in_thread
from imagerag.batch.unit import Kept, Task, Unit
from imagerag.performing import drawn
from imagerag.run import Run
from imagerag.steps import Drawn, Fetch

if TYPE_CHECKING:
    from PIL.Image import Image

SMALL = 128 * 128
"""Pixels of a picture that takes no longer to write than another thread takes to begin."""


class Keeper:
    """Keeps steps, records, pictures and failures; without a store, nothing."""

    def __init__(self, store: RunStore | None) -> None:
        self._store = store
        self.journal = Journal(store) if store is not None else None
        self.pictures: PictureFiles | None = store.pictures if store is not None else None

    def steps_of(self, task: Task) -> Kept:
        """Return what was kept of a task by an earlier turn."""
        return kept_steps(self._store, task.key) if self._store is not None else {}

    async def settle(self, jobs: Sequence[Job], place: int) -> None:
        """Write down what was painted, and keep the pictures: work of a station."""
        await in_thread(self._settled, jobs)

    def settle_small(self, jobs: Sequence[Job]) -> None:
        """Do the same in the thread that painted, for pictures that are quickly written."""
        self._settled([job for job in jobs if job.error is None and _is_small(job.answer[1])])

    def _settled(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            try:
                found: Drawn = drawn(*job.answer)
                if self.pictures is not None:
                    self.pictures.put(found.image, found.painted.pixels_sha256)
                job.answer = found
            except Exception as error:
                job.error = error

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
        assert self.pictures is not None
        if not all(self.pictures.has_reference(one.digest) for one in run.references):
            await in_thread(self._keep_references, run)
        await self.journal.write(finished_run(task.key, run))

    def _keep_references(self, run: Run) -> None:
        assert self.pictures is not None
        for reference in run.references:
            self.pictures.put_reference(reference.image, reference.digest)

    async def keep_end(self, task: Task, state: str, kind: str, reason: str) -> None:
        """Write down why a task is not done."""
        if self.journal is not None:
            await self.journal.write(ended_run(task.key, state, kind, reason))


def _is_small(image: Image) -> bool:
    return image.width * image.height <= SMALL
