"""`imagerag config`: a configuration as it is understood, and the schema of all configurations."""

from __future__ import annotations

import argparse

from imagerag.cli.console import say, say_json
from imagerag.cli.options import add_config, add_json, config_source, overrides


def config(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    show = commands.add_parser("show", help="the whole configuration, defaults included")
    add_config(show)
    add_json(show)
    show.set_defaults(run=_show)
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


def _schema(arguments: argparse.Namespace) -> int:
    from imagerag.config_schema import schema
    from imagerag.registry import Registry

    say_json(schema(Registry()))
    return 0


def _without_none(values: dict[str, object]) -> dict[str, object]:
    """Drop unset keys: TOML has no null."""
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if value is not None
    }
