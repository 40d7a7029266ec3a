"""`imagerag demo`, `imagerag sandbox measure` and `imagerag sandbox compare`."""

from __future__ import annotations

import argparse
from pathlib import Path

from imagerag.cli.console import note, say, say_json, table


def demo(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `imagerag demo`."""
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("out/demo"), help="folder to write (out/demo)"
    )
    parser.add_argument("--prompts", type=int, default=6, help="how many prompts (6)")
    parser.add_argument("--json", action="store_true", help="print summary.json at the end")
    parser.set_defaults(run=_demo)


def sandbox(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `imagerag sandbox`."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    measure = commands.add_parser(
        "measure", help="the method against its controls, on concepts the generator never saw"
    )
    measure.add_argument("--limit", type=int, metavar="N", help="only the first N concepts")
    measure.add_argument("--seed", type=int, default=0, help="seed of prompts and pictures (0)")
    measure.add_argument("--sheet", type=Path, help="also draw every comparison into this PNG")
    measure.add_argument("--json", action="store_true", help="print JSON for a program to read")
    measure.set_defaults(run=_measure)
    compare = commands.add_parser(
        "compare", help="ways to retrieve, side by side: what they find, what the picture is worth"
    )
    compare.add_argument("--limit", type=int, metavar="N", help="only the first N concepts")
    compare.add_argument("--seed", type=int, default=0, help="seed of prompts and pictures (0)")
    compare.add_argument(
        "--query",
        choices=("caption", "concept", "prompt"),
        default="caption",
        help="what the loop looks up (caption); the whole prompt is harder",
    )
    compare.add_argument(
        "--way",
        action="append",
        metavar="NAME",
        help="only this way: clip, siglip, bm25 … (repeatable; all by default)",
    )
    compare.add_argument("--json", action="store_true", help="print JSON for a program to read")
    compare.set_defaults(run=_compare)


def _demo(arguments: argparse.Namespace) -> int:
    from imagerag_sandbox.demo import run_demo

    summary = run_demo(arguments.out, arguments.prompts, tell=note)
    if arguments.json:
        say_json(summary)
    else:
        say(f"open {arguments.out / 'index.html'} in a browser")
    return 0


def _measure(arguments: argparse.Namespace) -> int:
    from imagerag_sandbox.measure import measure

    figures = measure(arguments.limit, arguments.seed, tell=note, sheet=arguments.sheet)
    if arguments.json:
        say_json(figures)
        return 0
    for name, value in figures.items():
        say(f"{name}: {value}")
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from imagerag.errors import UsageError, suggestion
    from imagerag_sandbox.compare import compare
    from imagerag_sandbox.retrieval_ways import WAYS

    chosen = tuple(arguments.way or WAYS)
    for way in chosen:
        if way not in WAYS:
            known = ", ".join(map(repr, WAYS))
            raise UsageError(f"--way {way!r} is none.{suggestion(way, WAYS)} Known: {known}.")
    figures = compare(
        arguments.limit, arguments.seed, tell=note, ways=chosen, query=arguments.query
    )
    if arguments.json:
        say_json(figures)
        return 0
    heads = ("way", "recall@1", "recall@1 by prompt", "accuracy", "95 % interval", "s a picture")
    rows = [
        (
            way,
            f"{row['recall_at_1']:.3f}",
            f"{row['prompt_recall_at_1']:.3f}",
            f"{row['accuracy']:.3f}",
            "{:.3f}-{:.3f}".format(*row["accuracy_ci"]),
            f"{row['seconds_per_picture']:.2f}",
        )
        for way, row in figures["ways"].items()
    ]
    say(table(heads, rows))
    return 0
