"""`imagerag batch`: many prompts, side by side, into a store that a later call goes on with."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagerag.cli.console import note, say, say_json, table
from imagerag.cli.options import add_config, add_json, config_source, overrides

if TYPE_CHECKING:
    from imagerag.batch.budget import Limits
    from imagerag.batch.store import RunStore
    from imagerag.batch.turn import Turn

MOST_NAMED = 20
"""Rows that are named one by one; the store has all of them."""


def batch(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument(
        "prompts", type=Path, help="text (a prompt a line), .csv, .jsonl or .parquet"
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FOLDER", help="the run store to write"
    )
    parser.add_argument("--seed", type=int, help="seed of rows that name none")
    parser.add_argument("--collection", metavar="NAME", help="for rows that name none")
    parser.add_argument(
        "--retry-failed", action="store_true", help="also work on rows that failed before"
    )
    parser.add_argument(
        "--max-usd", type=float, metavar="USD", help="dollars to spend, earlier turns included"
    )
    parser.add_argument("--max-seconds", type=float, metavar="S", help="seconds of this turn")
    parser.add_argument(
        "--allow-unknown-price",
        action="store_true",
        help="keep to --max-usd with what is known, though some calls have no price",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what it would take; paint and ask nothing"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.add_argument(
        "--no-report", action="store_true", help="write no page of what was painted at the end"
    )
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from imagerag.batch.prompts import PromptFile
    from imagerag.batch_view import BatchView
    from imagerag.session import Session

    changed = overrides(arguments)
    for key in ("seed", "collection"):
        if getattr(arguments, key) is not None:
            changed[key] = getattr(arguments, key)
    limits = _limits(arguments)
    prompts = PromptFile(arguments.prompts)
    view = BatchView(False if arguments.quiet or arguments.dry_run else None)
    session = Session.from_config(
        config_source(arguments), changed, registry=arguments.registry, listener=view
    )
    if arguments.dry_run:
        from imagerag.batch.estimate import estimate
        from imagerag.explaining import explain

        source, registry = config_source(arguments), arguments.registry
        price = explain(source, registry, changed).usd_per_picture
        with session:
            told = estimate(session, prompts, arguments.out, limits, price)
        if arguments.json:
            say_json(told.to_json())
        else:
            say(told.to_text())
        return 0
    return _work(arguments, session, prompts, limits)


def _work(arguments: argparse.Namespace, session: Any, prompts: Any, limits: Limits) -> int:
    from imagerag.batch.store import RunStore
    from imagerag.batch.turn import prepare, take
    from imagerag.folder_lock import only_one

    closing = session
    with RunStore.create(arguments.out) as store, only_one(arguments.out):
        try:
            source = str(arguments.prompts)
            plan = prepare(session, store, prompts, source, prompts.digest)
            for reason in plan.unread()[:MOST_NAMED]:
                note(reason)
            if arguments.retry_failed:
                plan.retry_failed()
            turn = take(plan, limits)
            _tell(arguments, store, turn)
            _report(arguments, store, turn)
            closing = None if turn.abandoned else session
        finally:
            if closing is not None:
                closing.close()
    if turn.abandoned:
        # Calls are still under way in threads that nothing can end. What was finished is kept.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(turn.exit_code)
    return turn.exit_code


def _tell(arguments: argparse.Namespace, store: RunStore, turn: Turn) -> None:
    ledger = store.ledger(turn.batch)
    if arguments.json:
        say_json(
            {
                "store": str(store.folder),
                "batch": turn.batch,
                "done": turn.counts.done,
                "failed": turn.counts.failed,
                "pending": turn.counts.pending,
                "seconds": round(turn.seconds, 3),
                "outcome": turn.halt.outcome if turn.halt else "finished",
                "reason": turn.halt.reason if turn.halt else "",
                "ledger": [vars(line) for line in ledger],
            }
        )
        return
    from imagerag.batch.telling import cost_table

    for number, run in enumerate(
        r for r in store.runs(turn.batch) if r.state == "failed" and r.key
    ):
        if number == MOST_NAMED:
            note(f"… and more: imagerag runs list {store.folder} --state failed")
            break
        note(f"line {run.line}: {run.reason}")
    if turn.halt is not None:
        note(f"imagerag: {turn.halt.reason}")
    say(table(*cost_table(ledger)))
    counts = turn.counts
    say(
        f"\n{counts.done} of {counts.rows} done, {counts.failed} failed, {counts.pending} left, "
        f"in {turn.seconds:.1f} s: {store.folder}"
    )


def _report(arguments: argparse.Namespace, store: RunStore, turn: Turn) -> None:
    """Write the report of a batch that has come to its end; who interrupts one is in a hurry."""
    if arguments.no_report or turn.halt is not None or turn.abandoned:
        return
    from imagerag.report import write_report

    note(f"report: {write_report(store, batch=turn.batch).page}")


def _limits(arguments: argparse.Namespace) -> Limits:
    from imagerag.batch.budget import Limits
    from imagerag.errors import UsageError

    for name in ("max_usd", "max_seconds"):
        value = getattr(arguments, name)
        if value is not None and not 0 <= value < float("inf"):
            option = name.replace("_", "-")
            raise UsageError(f"--{option} {value} is out of range: give 0 or more.")
    return Limits(arguments.max_usd, arguments.max_seconds, arguments.allow_unknown_price)
