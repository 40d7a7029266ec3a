"""`imagerag replay`: make a picture again from its record."""

from __future__ import annotations

import argparse
from pathlib import Path

from imagerag.cli.console import say, say_json
from imagerag.cli.options import add_json


def replay(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("picture", type=Path, help="a PNG of imagerag, or the JSON beside one")
    parser.add_argument(
        "-o", "--out", type=Path, help="the PNG to write (default: PICTURE-replay.png)"
    )
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="FILE",
        type=Path,
        help="an image of your own that the run used (repeatable)",
    )
    parser.add_argument(
        "--allow-remote",
        action="append",
        default=[],
        metavar="NAME",
        help="a remote component of the record that may be called, as the record says (repeatable)",
    )
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from imagerag.record import read, save
    from imagerag.replaying import replay as replay_run

    source: Path = arguments.picture
    done = replay_run(read(source), images=arguments.image, allow_remote=arguments.allow_remote)
    path = save(done.run, arguments.out or source.with_name(f"{source.stem}-replay.png"))
    if arguments.json:
        say_json(
            {
                "picture": str(path),
                "identical": done.identical,
                "seeded": done.seeded,
                "changed_versions": [
                    {"name": name, "then": then, "now": now}
                    for name, then, now in done.changed_versions
                ],
            }
        )
        return 0 if done.identical else 1
    if done.identical:
        say(f"{path}: the same picture, pixel for pixel.")
        return 0
    say(f"{path}: not the same pixels as recorded.")
    for name, then, now in done.changed_versions:
        say(f"  {name} was {then} and is {now}")
    if not done.seeded:
        say("  Its generator knows no seed: the same guidance gives another picture each time.")
    elif not done.changed_versions:
        say("  No version has changed: another processor or device rounds differently.")
    return 1
