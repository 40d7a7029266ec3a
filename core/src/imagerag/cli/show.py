"""`imagerag show`: the story of a picture, from the record it carries."""

from __future__ import annotations

import argparse
from pathlib import Path

from imagerag.cli.console import say, say_json
from imagerag.cli.options import add_json


def show(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("picture", type=Path, help="a PNG of imagerag, or the JSON beside one")
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from imagerag.record import read
    from imagerag.story import tell

    run = read(arguments.picture)
    if arguments.json:
        say_json(run.to_json())
    else:
        say(tell(run))
    return 0
