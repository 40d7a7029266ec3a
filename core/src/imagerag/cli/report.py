"""`imagerag report`: a page and contact sheets of what a batch painted."""

from __future__ import annotations

import argparse
from pathlib import Path

from imagerag.cli.console import note, say, say_json
from imagerag.cli.options import add_json


def report(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("store", type=Path, metavar="FOLDER", help="the run store of a batch")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="PLACE", help="the folder to write (FOLDER/report)"
    )
    parser.add_argument("--batch", type=int, metavar="N", help="its number (the latest)")
    parser.add_argument(
        "--hide-private", action="store_true", help="leave out references of private items"
    )
    parser.add_argument(
        "--single-file",
        action="store_true",
        help="put small pictures into the page itself, to send it; without links to whole ones",
    )
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from imagerag.batch.store import RunStore
    from imagerag.report import write_report

    with RunStore.open(arguments.store) as store:
        written = write_report(
            store,
            arguments.out,
            batch=arguments.batch,
            private=not arguments.hide_private,
            single_file=arguments.single_file,
        )
    if arguments.json:
        say_json(
            {
                "page": str(written.page),
                "sheets": [str(sheet) for sheet in written.sheets],
                "rows": written.rows,
            }
        )
        return 0
    say(str(written.page))
    note(f"{written.rows} rows, {len(written.sheets)} contact sheets beside the page")
    return 0
