"""`imagerag plugins new`: a new plugin, written as a whole distribution."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from imagerag.cli.console import say
from imagerag.hooks import ROLE_HOOKS


def new(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.description = (
        "Write a distribution with a small component that works: code, options, tests, README. "
        "Nothing that is there is written over."
    )
    parser.add_argument(
        "role", choices=list(ROLE_HOOKS), metavar="ROLE", help=", ".join(ROLE_HOOKS)
    )
    parser.add_argument(
        "name", metavar="NAME", help="what configurations call it, as in 'my-painter'"
    )
    parser.add_argument(
        "--folder", type=Path, help="the folder to write (named for the distribution, here)"
    )
    parser.add_argument("--distribution", help="what pip installs ('imagerag-NAME')")
    parser.add_argument("--package", help="what Python imports ('imagerag_NAME')")
    parser.add_argument("--description", help="one line that says what the component does")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from imagerag.scaffold.names import choose
    from imagerag.scaffold.rendering import render, write

    names = choose(
        arguments.role,
        arguments.name,
        arguments.registry,
        distribution=arguments.distribution,
        package=arguments.package,
        description=arguments.description,
    )
    files = render(names)
    folder: Path = arguments.folder or Path(names.distribution)
    write(folder, files)
    say(f"wrote {folder}:")
    for file in files:
        say(f"  {file}")
    place = folder if folder.is_absolute() else f"./{folder.as_posix()}"
    say("Next:")
    say(f"  pip install -e {shlex.quote(f'{place}[test]')}")
    say(f"  python -m pytest {shlex.quote(str(folder))}")
    say(f"  imagerag plugins check {names.name}")
    return 0
