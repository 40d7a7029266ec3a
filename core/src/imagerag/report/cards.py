"""What a report says of one row of a batch: a card, from the stored run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from imagerag.text import clean

if TYPE_CHECKING:
    from imagerag.batch.store import RunStore
    from imagerag.batch.stored import StoredRun
    from imagerag.run import Run, Used

Outcome = Literal["result", "draft", "failed", "pending"]
"""What came of a row: which picture was kept, or why there is none."""

TOLD = ("gate", "keep")
"""Stages whose decisions a report can be filtered by; the others name things of one prompt."""


@dataclass(frozen=True)
class Panel:
    """One picture of a story. `path` is None where the store has no file of it."""

    title: str
    path: Path | None
    lines: tuple[str, ...] = ()
    kept: bool = False
    link: str = ""


@dataclass(frozen=True)
class Card:
    """One row: its prompt, its pictures in the order of the story, what was decided and why.

    `score` is that of the best reference that was shown, None where none was or it has none.
    `decided` are the decisions to filter by, as "gate: retrieve".
    """

    number: int
    prompt: str
    seed: int
    outcome: Outcome
    reason: str
    panels: tuple[Panel, ...]
    decisions: tuple[tuple[str, str, str], ...]
    decided: tuple[str, ...]
    looked_up: tuple[str, ...]
    score: float | None
    seconds: float
    usd: float | None


def cards(store: RunStore, batch: int, *, private: bool = True) -> Iterator[Card]:
    """Yield a card for each row of a batch, in order; without private references where told."""
    for stored in store.runs(batch):
        yield _card(store, stored, private)


def _card(store: RunStore, stored: StoredRun, private: bool) -> Card:
    run = stored.run
    if run is None:
        state: Outcome = "failed" if stored.state == "failed" else "pending"
        return Card(
            stored.number,
            stored.prompt or f"line {stored.line}",
            stored.seed,
            state,
            stored.reason,
            (),
            (),
            (),
            (),
            None,
            stored.seconds,
            stored.usd,
        )
    used = _used(run)
    scores = [each.score for each in used if each.score is not None]
    return Card(
        number=stored.number,
        prompt=stored.prompt,
        seed=stored.seed,
        outcome=run.kept,
        reason="",
        panels=tuple(_panels(store, stored, run, used, private)),
        decisions=tuple((d.stage, d.decision, d.reason) for d in run.decisions),
        decided=_decided(run),
        looked_up=tuple(clean(lookup.query) for each in run.rounds for lookup in each.lookups),
        score=max(scores, default=None),
        seconds=stored.seconds,
        usd=stored.usd,
    )


def _used(run: Run) -> tuple[Used, ...]:
    """Return the references of the result: those of the last picture painted with any."""
    painted = next((each.painted for each in reversed(run.rounds) if each.painted), None)
    return painted.references if painted else ()


def _decided(run: Run) -> tuple[str, ...]:
    found = [f"{d.stage}: {d.decision}" for d in run.decisions if d.stage in TOLD]
    return tuple(dict.fromkeys([*found, *(["critic: no usable answer"] if run.fallback else [])]))


def _panels(
    store: RunStore, stored: StoredRun, run: Run, used: tuple[Used, ...], private: bool
) -> Iterator[Panel]:
    if "draft" in stored.pictures:
        missing = f"missing: {', '.join(run.missing)}" if run.missing else "nothing is missing"
        yield Panel("draft", stored.pictures["draft"], (clean(missing),), run.kept == "draft")
    for each in used:
        hidden = each.private and not private
        path = store.pictures.reference_path(each.digest)
        yield Panel(
            _title(each),
            path if path.exists() and not hidden else None,
            () if hidden else tuple(_credits(each)),
            link=("" if hidden else each.source) or "",
        )
    if "result" in stored.pictures:
        yield Panel("with references", stored.pictures["result"], (), run.kept == "result")


def _title(used: Used) -> str:
    if used.private:
        return "private reference"
    return "your image" if used.origin == "user" else "reference"


def _credits(used: Used) -> Iterator[str]:
    yield clean(used.caption)
    if used.score is not None:
        yield f"score {used.score:.3f}"
    if used.origin != "user":
        yield clean(f"{used.licence or 'unknown licence'}, {used.creator or 'unknown creator'}")
