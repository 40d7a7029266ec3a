"""`imagerag doctor`: what is installed, what is lacking, and what to do about it."""

from __future__ import annotations

import argparse
from typing import Any

from imagerag.cli.console import say, say_json, table
from imagerag.cli.options import add_json
from imagerag.cli.plugins_doctor import milliseconds, say_problems, state_of


def doctor(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument(
        "--quick", action="store_true", help="do not import torch to ask for devices"
    )
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from imagerag.diagnosis import diagnose

    report = diagnose(arguments.registry, device=not arguments.quick)
    if arguments.json:
        say_json(report)
    else:
        _say(report)
    return 1 if report["problems"] else 0


def _say(report: dict[str, Any]) -> None:
    say(f"imagerag {report['imagerag']}, Python {report['python']}, {report['platform']}")
    memory = f"{report['memory_gb']} GB of memory, " if report["memory_gb"] else ""
    say(f"{report['processors']} processors, {memory}{report['free_disk_gb']} GB of disk free here")
    device = report["device"]
    if device:
        free = (
            f", {device['free_gb']} of {device['memory_gb']} GB free" if "free_gb" in device else ""
        )
        torch = f"torch {device['torch']}" if device["torch"] else "torch is not installed"
        say(f"device: {device['name']}{free} ({torch})")
    say()
    rows = [
        (
            p["distribution"],
            p["version"],
            milliseconds(p),
            state_of(p),
            ", ".join(o for o in p["offers"] if not o.startswith(("preset ", "command "))),
        )
        for p in report["plugins"]
    ]
    say(table(("distribution", "version", "load", "state", "offers"), rows))
    if report["keys"]:
        say("\nkeys in the environment (their values are never shown)")
        for key, state in report["keys"].items():
            say(f"  {key}: {state}")
    if report["collections"]:
        say("\ncollections")
        for collection in report["collections"]:
            say(f"  {collection['name']}: {collection['items']} images")
    say()
    say_problems(report["problems"])
