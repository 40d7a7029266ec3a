"""`imagerag strip`: a picture without its record, for people who must not share it."""

from __future__ import annotations

import argparse
from pathlib import Path

from imagerag.cli.console import say
from imagerag.credits import are_credits, credits_path


def strip(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("picture", type=Path, help="a PNG picture")
    parser.add_argument("-o", "--out", type=Path, help="where to write it (default: in place)")
    parser.add_argument(
        "--no-credits", action="store_true", help="write no text that credits the references"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from imagerag.record import strip as strip_picture

    path = strip_picture(arguments.picture, arguments.out, credit=not arguments.no_credits)
    say(f"{path} now holds pixels and nothing else.")
    if are_credits(credit := credits_path(path)):
        say(f"{credit} says whom to credit: pass it on with the picture.")
    beside = arguments.picture.with_suffix(".json")
    if beside.exists():
        say(f"{beside} still tells its story; delete it if that must not be shared either.")
    return 0
