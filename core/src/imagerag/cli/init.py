"""`imagerag init`: a configuration file with a comment for every line."""

from __future__ import annotations

import argparse
from pathlib import Path

from imagerag.cli.console import say
from imagerag.cli.options import DEFAULT_FILE, DEFAULT_PRESET


def init(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument(
        "preset", nargs="?", default=DEFAULT_PRESET, help=f"where to start ({DEFAULT_PRESET!r})"
    )
    parser.add_argument("-o", "--out", type=Path, default=Path(DEFAULT_FILE), help="file to write")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from imagerag.config import preset_path
    from imagerag.errors import UsageError
    from imagerag.registry import Registry

    text = preset_path(arguments.preset, Registry()).read_text(encoding="utf-8")
    out: Path = arguments.out
    try:
        with out.open("w" if arguments.force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{str(out)!r} is there already. Replace it with --force.") from error
    say(f"wrote {out}, from the preset {arguments.preset!r}.")
    say(f'Next: imagerag generate "a hedgehog on a green background" --config {out}')
    return 0
