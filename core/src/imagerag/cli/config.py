"""`imagerag config`: a configuration as it is understood, what it means, and the schema of all."""

from __future__ import annotations

import argparse
from typing import Any

from imagerag.cli.console import say, say_json
from imagerag.cli.options import (
    add_config,
    add_json,
    add_overrides,
    config_source,
    overrides,
)


def config(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    show = commands.add_parser("show", help="the whole configuration, defaults included")
    add_config(show)
    add_json(show)
    show.set_defaults(run=_show)
    explain = commands.add_parser(
        "explain", help="which model, revision, licence, memory and cost per picture it means"
    )
    explain.add_argument(
        "config", metavar="FILE|PRESET", nargs="?", help="a TOML file or a preset (see --config)"
    )
    add_overrides(explain)
    add_json(explain)
    explain.set_defaults(run=_explain)
    schema = commands.add_parser("schema", help="JSON schema of a file, for what is installed")
    schema.set_defaults(run=_schema)


def _show(arguments: argparse.Namespace) -> int:
    from imagerag.config import load
    from imagerag.registry import Registry

    loaded = load(config_source(arguments), Registry(), overrides(arguments))
    values = loaded.resolved()
    if arguments.json:
        say_json(values)
        return 0
    import tomli_w

    say(tomli_w.dumps(_without_none(values)).rstrip())
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    from imagerag.cli.explanation import told
    from imagerag.explaining import explain
    from imagerag.registry import Registry

    source = config_source(arguments)
    explanation = explain(source, Registry(), overrides(arguments))
    if arguments.json:
        say_json(explanation.to_json())
    else:
        say(told(source, explanation))
    return 1 if any(row.trouble for row in explanation.components) else 0


def _schema(arguments: argparse.Namespace) -> int:
    from imagerag.config_schema import schema
    from imagerag.registry import Registry

    say_json(schema(Registry()))
    return 0


def _without_none(value: Any) -> Any:
    """Drop unset keys, also those of components inside others: TOML has no null."""
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return [_without_none(inner) for inner in value] if isinstance(value, list) else value
