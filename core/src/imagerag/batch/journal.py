"""What a batch writes into its store as it goes: each finished step before the next begins.

The writes of many prompts are gathered into one transaction, so that a commit costs each of them
little, and none goes on before its own is on the disk.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio import to_thread

from imagerag.batch.answers import asked, packed
from imagerag.batch.store import RunStore
from imagerag.run import Decision, Run
from imagerag.steps import Step
from imagerag.values import Usage

LONGEST_WAIT = 0.02
"""Seconds that a finished step waits for company at most."""

Write = Callable[[RunStore], None]


@dataclass
class Done:
    """What a finished step came to, beside its answer."""

    seconds: float = 0.0
    gpu_seconds: float = 0.0
    ledger: Sequence[Usage] = ()
    decisions: Sequence[Decision] = ()


@dataclass
class _Waiting:
    write: Write
    written: anyio.Event = field(default_factory=anyio.Event)
    error: BaseException | None = None


class Journal:
    """Commits what the prompts under way hand to it, many at a time."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self._pending: list[_Waiting] = []
        self._wake = anyio.Event()

    async def write(self, write: Write) -> None:
        """Have something written, and return when it is on the disk.

        Raises `StoreError` where it cannot be written.
        """
        waiting = _Waiting(write)
        self._pending.append(waiting)
        self._wake.set()
        await waiting.written.wait()
        if waiting.error is not None:
            raise waiting.error

    async def run(self) -> None:
        """Commit until cancelled.

        Half of the time at most goes into commits: each waits for more to write as long as the
        last one took.
        """
        took = 0.0
        try:
            while True:
                await self._wake.wait()
                await anyio.sleep(min(took, LONGEST_WAIT))
                started = time.monotonic()
                await self._flush()
                took = time.monotonic() - started
        finally:
            await self._flush()

    async def _flush(self) -> None:
        """Commit what waits, also where the batch is being interrupted."""
        self._wake = anyio.Event()
        taken, self._pending = self._pending, []
        if not taken:
            return
        error: BaseException | None = None
        with anyio.CancelScope(shield=True):
            try:
                await to_thread.run_sync(self._commit, [one.write for one in taken])
            except Exception as trouble:
                error = trouble
        for one in taken:
            one.error = error
            one.written.set()

    def _commit(self, writes: Sequence[Write]) -> None:
        with self.store.database.writing():
            for write in writes:
                write(self.store)


def finished_step(work: str, position: int, step: Step, answer: Any, done: Done) -> Write:
    """Return what writes a finished step down."""
    row = (
        work,
        position,
        step.stage,
        type(step).__name__,
        _json(asked(step)),
        _json(packed(step, answer)),
        _json([[d.stage, d.decision, d.reason] for d in done.decisions]),
        done.seconds,
        done.gpu_seconds,
    )
    calls = _calls(work, position, step.stage, done.ledger, recorded=True)

    def write(store: RunStore) -> None:
        store.database.many("INSERT OR REPLACE INTO steps VALUES (?,?,?,?,?,?,?,?,?)", [row])
        _insert_calls(store, calls)

    return write


def repainted(work: str, position: int, step: Step, answer: Any, done: Done) -> Write:
    """Return what writes another picture down where there was one: nothing after it counts."""
    again = finished_step(work, position, step, answer, done)

    def write(store: RunStore) -> None:
        place = (work, position)
        store.database.rows("UPDATE calls SET recorded = 0 WHERE work = ? AND position >= ?", place)
        store.database.rows("DELETE FROM steps WHERE work = ? AND position >= ?", place)
        again(store)

    return write


def failed_step(work: str, position: int, stage: str, ledger: Sequence[Usage]) -> Write:
    """Return what writes down that calls were paid for, though nothing came of them."""
    calls = _calls(work, position, stage, ledger, recorded=False)
    return lambda store: _insert_calls(store, calls)


def finished_run(work: str, run: Run) -> Write:
    """Return what writes a record down, and lets go of the answers that it holds now.

    What a clock decided is kept apart, so that the record of equal work is equal to the byte; what
    the works of a setting share stands there. Some versions are known only when a model has been
    loaded: they are the setting's as soon as one run knows them.
    """
    record = run.to_json()
    clock = {
        "seconds": record["seconds"],
        "ledger": [line["seconds"] for line in record["ledger"]],
    }
    record |= {"created": "", "seconds": {}}
    for line in record["ledger"]:
        line["seconds"] = 0.0
    del record["config"]
    result = next((turn.painted for turn in reversed(run.rounds) if turn.painted), None)
    values = (
        run.drafted.pixels_sha256 if run.drafted else None,
        result.pixels_sha256 if result else None,
        run.kept_painting.pixels_sha256,
        _json(list(run.missing)),
        run.fallback,
        run.created,
        json.dumps(clock),  # its stages in their order
        work,
    )

    def write(store: RunStore) -> None:
        if store.learn_versions(work, run.versions):
            record.pop("versions", None)
        store.database.rows(
            "UPDATE works SET state = 'done', kind = '', reason = '', record = ?, draft = ?, "
            "result = ?, kept = ?, missing = ?, fallback = ?, created = ?, timing = ? "
            "WHERE key = ?",
            (_json(record), *values),
        )
        store.database.rows("UPDATE steps SET answer = '' WHERE work = ?", (work,))

    return write


def ended_run(work: str, state: str, kind: str, reason: str) -> Write:
    """Return what writes down why a run is not done."""

    def write(store: RunStore) -> None:
        store.database.rows(
            "UPDATE works SET state = ?, kind = ?, reason = ? WHERE key = ?",
            (state, kind, reason, work),
        )

    return write


def kept_steps(store: RunStore, work: str) -> dict[int, tuple[Any, ...]]:
    """Return the finished steps of a work by position: (step, asked, answer, decisions, done)."""
    steps = store.database.rows(
        "SELECT position, step, asked, answer, decisions, seconds, stage FROM steps WHERE work = ?",
        (work,),
    )
    if not steps:
        return {}
    ledger: dict[int, list[Usage]] = {}
    for position, *line in store.database.rows(
        "SELECT position, component, call, model, outcome, requests, images, seconds, "
        "input_tokens, output_tokens, image_tokens, usd, priced FROM calls "
        "WHERE work = ? AND recorded = 1 ORDER BY number",
        (work,),
    ):
        ledger.setdefault(position, []).append(Usage(*line))
    return {
        position: (
            step,
            question,
            answer,
            Done(
                seconds,
                ledger=ledger.get(position, ()),
                decisions=[Decision(*told) for told in json.loads(decisions)],
            ),
        )
        for position, step, question, answer, decisions, seconds, _ in steps
    }


def _calls(
    work: str, position: int, stage: str, ledger: Sequence[Usage], *, recorded: bool
) -> list[tuple[Any, ...]]:
    return [
        (
            work,
            position,
            stage,
            recorded,
            line.component,
            line.call,
            line.model,
            line.outcome,
            line.requests,
            line.images,
            line.seconds,
            line.input_tokens,
            line.output_tokens,
            line.image_tokens,
            line.usd,
            line.priced,
        )
        for line in ledger
    ]


def _insert_calls(store: RunStore, calls: list[tuple[Any, ...]]) -> None:
    if not calls:
        return
    store.database.many(
        "INSERT INTO calls (work, position, stage, recorded, component, call, model, outcome, "
        "requests, images, seconds, input_tokens, output_tokens, image_tokens, usd, priced) "
        "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        calls,
    )


_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode
