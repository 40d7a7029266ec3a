"""One prompt on its way through the method, beside others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from imagerag.account import Account, charged
from imagerag.batch.answers import LostPictureError, asked, unpacked
from imagerag.batch.journal import Done
from imagerag.batch.pictures import PictureFiles
from imagerag.batch.row import Row
from imagerag.loop import Work, begin, method
from imagerag.run import Run
from imagerag.session import Session
from imagerag.steps import Drawn, Fetch, Step, Steps

Kept = dict[int, tuple[str, str, str, Done]]


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be done: a row, its seed, and the key of that work ("" where none is kept).

    `begun` says that an earlier turn has kept steps of it.
    """

    number: int
    row: Row
    seed: int
    key: str = ""
    begun: bool = False


@dataclass
class Unit:
    """A task under way: the step that waits to be carried out, and what there is so far.

    `position` counts the steps whose answers are kept; reading references again is none.
    """

    task: Task
    session: Session
    step: Step | None = None
    position: int = 0
    work: Work | None = None
    run: Run | None = None
    kept: Kept = field(default_factory=dict)
    lost: Done | None = None
    """Set where the picture of the finished step at `position` has to be painted again."""
    _steps: Steps[Run] | None = None

    def open(self, kept: Kept, pictures: PictureFiles | None) -> None:
        """Check the task, and take it to its first step whose answer is not kept."""
        task = self.task
        account = Account()
        with charged(account, task.number):
            self.work = begin(
                self.session,
                account,
                task.row.prompt,
                seed=task.seed,
                images=task.row.images,
                size=task.row.size,
            )
            self.kept = kept
            self._steps = method(self.session, self.work)
            self._go(lambda steps: next(steps))
            self._recall(pictures)

    def answer(self, answer: Any, done: Done, pictures: PictureFiles | None) -> None:
        """Send an answer, and go on to the next step whose answer is not kept."""
        with charged(self.account, self.task.number):
            self._send(answer, done)
            self._recall(pictures)

    @property
    def account(self) -> Account:
        """Where costs and decisions of this run stand."""
        assert self.work is not None
        return self.work.account

    def same_again(self, drawn: Drawn) -> bool:
        """Say whether a lost picture was painted as it was.

        Where not, kept answers are let go of: they were given to another picture.
        """
        was = json.loads(self.kept[self.position][2])["painted"]["pixels_sha256"]
        if was == drawn.painted.pixels_sha256:
            return True
        self.kept = {}
        return False

    def _recall(self, pictures: PictureFiles | None) -> None:
        """Answer steps from what is kept, as far as it goes."""
        self.lost = None
        while self.step is not None and self.position in self.kept and pictures is not None:
            step = self.step
            if isinstance(step, Fetch):
                return  # read again, by whoever carries steps out
            name, question, answer, done = self.kept[self.position]
            if (name, json.loads(question)) != (type(step).__name__, asked(step)):
                self.kept = {}
                return
            try:
                recalled = unpacked(step, json.loads(answer), pictures)
            except LostPictureError:
                self.lost = done
                return
            self._send(recalled, done)

    def _send(self, answer: Any, done: Done) -> None:
        assert self.work is not None and self.step is not None
        self.account.take(done.ledger, done.decisions)
        seconds = self.work.seconds
        seconds[self.step.stage] = seconds.get(self.step.stage, 0.0) + done.seconds
        if not isinstance(self.step, Fetch):
            self.position += 1
        self._go(lambda steps: steps.send(answer))

    def _go(self, on: Callable[[Steps[Run]], Step]) -> None:
        assert self._steps is not None
        try:
            self.step = on(self._steps)
        except StopIteration as end:
            self.step, self.run = None, end.value
