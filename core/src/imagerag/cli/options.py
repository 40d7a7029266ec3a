"""Options that several commands share, so that they are spelled and explained once."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

from imagerag.errors import UsageError

DEFAULT_FILE = "imagerag.toml"
"""The configuration file that commands look for in the working directory."""

DEFAULT_PRESET = "sandbox"


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `--config` and `--set`."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE|PRESET",
        help=f"a TOML file or a preset (default: {DEFAULT_FILE} here if there is one, else the "
        f"preset {DEFAULT_PRESET!r})",
    )
    add_overrides(parser)


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Add `--set`."""
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help="override one key, for instance --set loop.keep=last (repeatable)",
    )


def add_where(parser: argparse.ArgumentParser) -> None:
    """Add `--where`."""
    parser.add_argument(
        "--where",
        metavar="CONDITION",
        action="append",
        default=[],
        help="only images that meet this: licence=CC0,CC-BY, tag=A,B, creator=A, private=no, "
        "added>=2026-01-31, added<2026-02-28 (repeatable; all have to hold)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print JSON for a program to read")


def config_source(arguments: argparse.Namespace) -> str:
    """Return the configuration that was asked for, or the default."""
    if arguments.config:
        return str(arguments.config)
    return DEFAULT_FILE if Path(DEFAULT_FILE).exists() else DEFAULT_PRESET


def overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return `--set` options as dotted keys; values are TOML, or plain text where they are not."""
    values: dict[str, Any] = {}
    for text in arguments.overrides:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {text!r} is not of the form KEY=VALUE, as in loop.keep=last.")
        try:
            values[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            values[key.strip()] = value
    return values
