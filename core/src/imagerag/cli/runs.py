"""`imagerag runs`: what is in a run store."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagerag.cli.console import note, say, say_json, table
from imagerag.cli.options import add_json

if TYPE_CHECKING:
    from imagerag.batch.comparing import Difference
    from imagerag.batch.stored import StoredRun

_WIDEST = 60


def runs(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _list(commands.add_parser("list", help="the rows of a batch, and what came of them"))
    _show(commands.add_parser("show", help="the story of one row"))
    _export(commands.add_parser("export", help="write pictures with their records"))
    _diff(commands.add_parser("diff", help="what differs between two batches, or two rows"))


def _list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", type=Path, help="the folder of a batch")
    _add_batch(parser)
    parser.add_argument(
        "--state", choices=["done", "failed", "pending"], help="only rows in this state"
    )
    parser.add_argument("--limit", type=int, default=50, help="most rows shown (50; 0 for all)")
    add_json(parser)
    parser.set_defaults(run=_run_list)


def _run_list(arguments: argparse.Namespace) -> int:
    from imagerag.batch.store import RunStore

    with RunStore.open(arguments.store) as store:
        batch = arguments.batch or store.latest()
        counts = store.counts(batch)
        found: list[dict[str, Any]] = []
        for run in store.runs(batch):
            if arguments.state in (None, run.state):
                if arguments.limit and len(found) == arguments.limit:
                    break
                found.append(_row(run))
        batches = [vars(one) for one in store.batches()]
    if arguments.json:
        say_json({"batches": batches, "batch": batch, **vars(counts), "runs": found})
        return 0
    rows = [
        (
            str(row["number"]),
            row["state"],
            row["kept"] or "",
            _cut(row["prompt"] or row["reason"]),
            str(row["seed"]),
            "unknown" if row["usd"] is None else f"{row['usd']:.4f}",
            _cut(", ".join(row["missing"]) if row["state"] == "done" else row["reason"]),
        )
        for row in found
    ]
    headings = ("row", "state", "kept", "prompt", "seed", "US dollars", "missing, or why not")
    say(table(headings, rows))
    say(
        f"\nbatch {batch} of {len(batches)}: {counts.done} done, {counts.failed} failed, "
        f"{counts.pending} left"
    )
    return 0


def _row(run: StoredRun) -> dict[str, Any]:
    return {
        "number": run.number,
        "line": run.line,
        "key": run.key,
        "prompt": run.prompt,
        "seed": run.seed,
        "state": run.state,
        "kind": run.kind,
        "reason": run.reason,
        "kept": run.run.kept if run.run else None,
        "missing": list(run.run.missing) if run.run else [],
        "seconds": round(run.seconds, 3),
        "usd": run.usd,
        "pictures": {role: str(path) for role, path in run.pictures.items()},
    }


def _show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", type=Path, help="the folder of a batch")
    parser.add_argument("row", type=int, help="number of a row, from 1")
    _add_batch(parser)
    add_json(parser)
    parser.set_defaults(run=_run_show)


def _run_show(arguments: argparse.Namespace) -> int:
    from imagerag.batch.store import RunStore
    from imagerag.story import tell

    with RunStore.open(arguments.store) as store:
        run = store.run(arguments.row, arguments.batch)
    if arguments.json:
        say_json({**_row(run), "record": run.run.to_json() if run.run else None})
        return 0
    if run.run is not None:
        say(tell(run.run))
    else:
        say(f"prompt      {run.prompt!r}, seed {run.seed}\nstate       {run.state}")
        if run.reason:
            say(f"reason      {run.reason}")
    for role, path in run.pictures.items():
        say(f"{role:<12}{path}")
    return 0


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("store", type=Path, help="the folder of a batch")
    parser.add_argument("rows", type=int, nargs="*", help="numbers of rows (all that are done)")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FOLDER", help="where to write them"
    )
    parser.add_argument(
        "--no-metadata", action="store_true", help="write no record, neither inside nor beside"
    )
    _add_batch(parser)
    parser.set_defaults(run=_run_export)


def _run_export(arguments: argparse.Namespace) -> int:
    from imagerag.batch.export import export
    from imagerag.batch.store import RunStore

    written = 0
    with RunStore.open(arguments.store) as store:
        chosen = (
            (store.run(number, arguments.batch) for number in arguments.rows)
            if arguments.rows
            else (run for run in store.runs(arguments.batch) if run.state == "done")
        )
        for run in chosen:
            export(store, run, arguments.out, metadata=not arguments.no_metadata)
            written += 1
    note(f"wrote {written} picture{'' if written == 1 else 's'} into {arguments.out}")
    return 0


def _diff(parser: argparse.ArgumentParser) -> None:
    place = "FOLDER, FOLDER@BATCH, or FOLDER:ROW for one row"
    parser.add_argument("here", metavar="A", help=place)
    parser.add_argument("there", metavar="B", help="the same of the other side")
    add_json(parser)
    parser.set_defaults(run=_run_diff)


def _run_diff(arguments: argparse.Namespace) -> int:
    from imagerag.batch import comparing
    from imagerag.batch.store import RunStore
    from imagerag.errors import UsageError

    (folder, batch, row), (other, other_batch, other_row) = map(
        _place, (arguments.here, arguments.there)
    )
    if (row is None) != (other_row is None):
        raise UsageError("compare two batches or two rows, not one with the other.")
    with RunStore.open(folder) as here, RunStore.open(other) as there:
        batch, other_batch = batch or here.latest(), other_batch or there.latest()
        if row is not None and other_row is not None:
            pair = (here.run(row, batch), there.run(other_row, other_batch))
            found = [difference for difference in [comparing.runs_apart(*pair)] if difference.told]
            apart = comparing.settings_apart(*pair)
        else:
            found = list(comparing.batches_apart(here, batch, there, other_batch))
            apart = comparing.batch_settings_apart(here, batch, there, other_batch)
    if arguments.json:
        say_json({"settings": apart, "runs": [vars(difference) for difference in found]})
    else:
        for name, (mine, theirs) in apart.items():
            say(f"{name}: {mine!r} → {theirs!r}")
        for difference in found:
            _tell(difference)
        say(f"\n{len(found)} row{'' if len(found) == 1 else 's'} differ")
    return 1 if found else 0


def _tell(difference: Difference) -> None:
    say(f"\n{difference.prompt!r}, seed {difference.seed}")
    if difference.here is None or difference.there is None:
        say(f"  only in {'A' if difference.there is None else 'B'}")
    for name, (mine, theirs) in difference.told.items():
        if isinstance(mine, list) and isinstance(theirs, list):
            for sign, lines in (
                ("-", [x for x in mine if x not in theirs]),
                ("+", [x for x in theirs if x not in mine]),
            ):
                for line in lines:
                    say(f"  {sign} {name}: {line}")
        else:
            say(f"  {name}: {_cut(str(mine))} → {_cut(str(theirs))}")


def _place(text: str) -> tuple[Path, int | None, int | None]:
    folder, row = _numbered(text, ":")
    folder, batch = _numbered(folder, "@")
    return Path(folder), batch, row


def _numbered(text: str, mark: str) -> tuple[str, int | None]:
    """Take a number after `mark` off the end; a text without one is returned as it is."""
    before, found, digits = text.rpartition(mark)
    if found and before and digits.isascii() and digits.isdigit():
        return before, int(digits)
    return text, None


def _add_batch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--batch", type=int, metavar="N", help="another batch than the latest")


def _cut(text: str) -> str:
    line = text.replace("\n", " ")
    return line if len(line) <= _WIDEST else line[: _WIDEST - 1] + "…"
