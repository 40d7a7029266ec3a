"""Every command with all it takes, from the parsers themselves."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from docs_site.writing import cell, code, sentence, table
from imagerag import Registry

_WIDTH = 96


def page(registry: Registry, ours: set[str]) -> str:
    """Return the page."""
    parts = [
        "# Every option of every command",
        "Made from the command line's own definitions, as `--help` prints them. What the commands "
        "are for: [command line](cli.md).",
    ]
    for name, summary, distribution, parser in parsers(registry, ours):
        parts += [f"## {name}", f"{sentence(summary)} From `{distribution}`.", _usage(parser)]
        rows = [_row(action) for action in parser._actions if not _silent(action)]
        if rows:
            parts.append(table(("argument", "default", "meaning"), rows))
    return "\n\n".join(parts) + "\n"


def parsers(
    registry: Registry, ours: set[str]
) -> Iterator[tuple[str, str, str, argparse.ArgumentParser]]:
    """Yield (name, what it is for, distribution, parser) of every command without subcommands."""
    for offered in registry.commands():
        if offered.distribution not in ours:
            continue
        parser = argparse.ArgumentParser(prog=f"imagerag {offered.name}")
        registry.command_function(offered.spelling)(parser)
        groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        if not groups:
            yield parser.prog, offered.offer.summary, offered.distribution, parser
        for group in groups:
            summaries = {a.dest: a.help or "" for a in group._choices_actions}
            for name, inner in group.choices.items():
                told = summaries.get(name, "")
                yield f"{parser.prog} {name}", told, offered.distribution, inner


def _silent(action: argparse.Action) -> bool:
    return isinstance(action, argparse._HelpAction) or action.help == argparse.SUPPRESS


def _usage(parser: argparse.ArgumentParser) -> str:
    parser.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=_WIDTH)
    text = parser.format_usage().removeprefix("usage: ").rstrip()
    return f"```text\n{text}\n```"


def _row(action: argparse.Action) -> tuple[str, str, str]:
    shown = action.metavar if isinstance(action.metavar, str) else action.dest
    if not action.option_strings:
        name = shown
    else:
        takes = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
        if action.choices and not action.metavar:
            takes = " {" + ",".join(map(str, action.choices)) + "}"
        name = ", ".join(action.option_strings) + takes
    default = action.default
    told = "" if default in (None, False, argparse.SUPPRESS, []) else code(str(default))
    return code(name), told, cell(action.help or "")
