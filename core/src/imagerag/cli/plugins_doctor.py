"""`imagerag plugins doctor`: what each plugin offers, needs and costs, and what is wrong."""

from __future__ import annotations

import argparse
from typing import Any

from imagerag.cli.console import say, say_json
from imagerag.cli.options import add_json


def doctor(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    add_json(parser)
    parser.set_defaults(run=_run)


def state_of(plugin: dict[str, Any]) -> str:
    """Say in a few words how a plugin is."""
    if plugin["incompatible"]:
        return "incompatible"
    if plugin["error"]:
        return "broken"
    told = []
    if plugin["lacks"]:
        told.append(f"lacks {', '.join(plugin['lacks'])}")
    if plugin["slow"]:
        told.append("slow")
    if plugin["imports"]:
        told.append(f"imports {', '.join(plugin['imports'])}")
    return "; ".join(told) or "ok"


def milliseconds(plugin: dict[str, Any]) -> str:
    """Say how long a plugin took to load."""
    return f"{plugin['load_seconds'] * 1000:.1f} ms"


def say_problems(problems: list[str]) -> int:
    """Say each problem, or that there is none; return the exit code."""
    if not problems:
        say("No problems found.")
    for problem in problems:
        say(f"problem: {problem}")
    return 1 if problems else 0


def _run(arguments: argparse.Namespace) -> int:
    from imagerag.health import examine

    plugins, problems = examine(arguments.registry)
    if arguments.json:
        say_json({"plugins": plugins, "problems": problems})
        return 1 if problems else 0
    for plugin in plugins:
        name = f"{plugin['distribution']} {plugin['version']} ({plugin['name']})"
        say(f"{name}, loaded in {milliseconds(plugin)}: {state_of(plugin)}")
        for heading in ("offers", "needs"):
            if plugin[heading]:
                say(f"  {heading}: {', '.join(plugin[heading])}")
    say()
    return say_problems(problems)
