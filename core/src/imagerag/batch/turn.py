"""One turn of a batch: from the list of prompts to what came of it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio

from imagerag.batch.budget import Budget, Limits
from imagerag.batch.crew import by_station
from imagerag.batch.engine import Engine
from imagerag.batch.halt import Halt
from imagerag.batch.plan import Plan
from imagerag.batch.prompts import Listed
from imagerag.batch.store import RunStore
from imagerag.batch.stored import Counts
from imagerag.errors import StoreError
from imagerag.events import Event
from imagerag.session import Session

_ENDS = (signal.SIGINT, signal.SIGTERM)

INTERRUPTED = Halt(
    "interrupted", "interrupted; run the same command again to go on.", 130, at_once=True
)


@dataclass(frozen=True)
class Turn:
    """What a turn came to.

    `halt` says why it ended before its last row, None where it did not. `abandoned` is true where
    calls were still under way at the end: their threads go on, so that the session must not be
    closed, and the process should end.
    """

    batch: int
    counts: Counts
    halt: Halt | None
    seconds: float
    abandoned: bool

    @property
    def exit_code(self) -> int:
        """0 where every row is done, 3 where some are not, or what ended it early."""
        if self.halt is not None:
            return self.halt.exit_code
        return 0 if self.counts.done == self.counts.rows else 3


def prepare(
    session: Session, store: RunStore, rows: Iterable[Listed], source: str, content: str
) -> Plan:
    """Build and check every component, and write the list of prompts down. Nothing is loaded."""
    session.check()
    store.pictures.clear()
    generator = session.generator
    store.pictures.durable = generator.remote or not generator.capability().seeded
    plan = Plan(store, session)
    plan.write(rows, source, content)
    return plan


def take(plan: Plan, limits: Limits | None = None) -> Turn:
    """Work on what is left of a batch until it is done or something ends it.

    Ctrl-C and SIGTERM end it within two seconds where this is the main thread; what was finished
    is kept.
    """
    session, store = plan.session, plan.store
    usd, unpriced = store.database.rows(
        "SELECT total(usd), count(*) - count(usd) FROM calls "
        "WHERE work IN (SELECT work FROM rows WHERE batch = ?)",
        (plan.batch,),
    )[0]
    started = time.monotonic()
    _note(store, plan.batch, "running")
    counts = store.counts(plan.batch)
    session.broadcast.send(
        Event("started", "batch", done=counts.rows - counts.pending, total=counts.rows, usd=usd)
    )

    async def work() -> Engine:
        budget = Budget(
            limits or Limits(), spent=usd, unpriced=unpriced, dearest=by_station(store.dearest())
        )
        engine = Engine(
            session,
            plan.tasks(),
            store=store,
            budget=budget,
            done=counts.rows - counts.pending,
            total=counts.rows,
        )
        async with anyio.create_task_group() as group:
            if threading.current_thread() is threading.main_thread():
                group.start_soon(_heed_signals, engine)
            await engine.run()
            group.cancel_scope.cancel()
        return engine

    engine = anyio.run(work)
    seconds = time.monotonic() - started
    halt = engine.halt
    with suppress(StoreError):  # a full disk has been told already
        _end(store, plan.batch, halt.outcome if halt else "finished", seconds, engine)
    counts = store.counts(plan.batch)
    session.broadcast.send(
        Event(
            "finished",
            "batch",
            done=counts.rows - counts.pending,
            total=counts.rows,
            seconds=seconds,
            note=halt.reason if halt else "",
        )
    )
    return Turn(plan.batch, counts, halt, seconds, engine.abandoned)


async def _heed_signals(engine: Engine) -> None:
    with anyio.open_signal_receiver(*_ENDS) as signals:
        async for _ in signals:
            engine.stop(INTERRUPTED)


def _note(store: RunStore, batch: int, outcome: str) -> None:
    with store.database.writing():
        store.database.rows(
            "UPDATE batches SET outcome = ?, ended = NULL WHERE number = ?", (outcome, batch)
        )


def _end(store: RunStore, batch: int, outcome: str, seconds: float, engine: Engine) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    peaks = [(batch, stage, *found) for stage, found in engine.peaks.items()]
    loads = [(batch, m.component, m.event, now, m.memory) for m in engine.crew.residency.moved]
    with store.database.writing():
        store.database.rows(
            "UPDATE batches SET outcome = ?, ended = ?, seconds = seconds + ? WHERE number = ?",
            (outcome, now, seconds, batch),
        )
        store.database.many(
            "INSERT INTO peaks VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET "
            "memory = max(memory, excluded.memory), "
            "gpu_memory = max(gpu_memory, excluded.gpu_memory)",
            peaks,
        )
        store.database.many(
            "INSERT INTO loads (batch, component, event, at, memory) VALUES (?,?,?,?,?)", loads
        )
