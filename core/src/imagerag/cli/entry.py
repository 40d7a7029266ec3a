"""Finding the command that was asked for, running it, and turning trouble into an exit code."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import metadata

from imagerag.cli.console import note, say, table
from imagerag.errors import ImageRAGError, NotInstalledError, UnknownComponentError, UsageError
from imagerag.known import home_of
from imagerag.registry import CORE, Offered, Registry

EXIT_CODES = """exit codes: 0 ok · 1 failure · 2 usage · 3 partial · 4 budget reached ·
            5 credentials · 130 interrupted"""

START = """start here:
  imagerag demo                      see the method work, on models that ship with it
  imagerag init                      write a configuration file with comments
  imagerag generate "a hedgehog on a green background"
  imagerag doctor                    what is installed, and what is lacking"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `imagerag` with these arguments (those of the process by default)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    arguments = [a for a in arguments if a != "--debug"]
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    if not debug:
        _quiet_warnings()
    try:
        code = _run(arguments)
        sys.stdout.flush()  # a reader that has gone is noticed here, not in Python's own exit
        return code
    except ImageRAGError as error:
        if debug:
            raise
        note(f"imagerag: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        note("imagerag: interrupted; what was written before is kept.")
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has gone. Standard output is closed so that Python's own flush at
        # exit does not raise the same error again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            raise
        note(
            f"imagerag: {type(error).__name__}: {error}. This is a defect of imagerag or of a "
            "plugin: please report it with the output of the same command and --debug."
        )
        return 1


def _quiet_warnings() -> None:
    """Show a warning as one line, without the place in our source that raised it.

    transformers announces "indexing errors" for every long prompt that its caller is about to cut;
    the encoders say themselves what they cut.
    """
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

    def show(message: Warning | str, *_: object, **__: object) -> None:
        note(f"imagerag: {message}")

    warnings.showwarning = show
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)


def _run(arguments: list[str]) -> int:
    registry = Registry()
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        say(_help(registry))
        return 0
    if arguments[0] in ("-V", "--version"):
        say(f"imagerag {metadata.version(CORE)}")
        return 0
    name, rest = arguments[0], arguments[1:]
    if name.startswith("-"):
        raise UsageError(f"the command comes first; {name!r} is none. See: imagerag --help")
    offered = _find(registry, name)
    parser = argparse.ArgumentParser(
        prog=f"imagerag {name}",
        description=offered.offer.summary,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="--debug shows the traceback of an error.",
    )
    registry.command_function(name)(parser)
    # Loaded once: a second registry would load nothing new, and could not say how long it takes.
    parser.set_defaults(registry=registry)
    try:
        parsed = parser.parse_args(rest)
    except SystemExit as stop:  # argparse has written help (0) or what is wrong (2)
        return int(stop.code or 0)
    handler = getattr(parsed, "run", None)
    if handler is None:
        parser.print_help()
        return 2
    return int(handler(parsed) or 0)


def _find(registry: Registry, name: str) -> Offered:
    try:
        return registry.find("command", name)
    except UnknownComponentError as error:
        raise UsageError(f"{error} See: imagerag --help") from error
    except NotInstalledError as error:
        home = home_of("command", name)[0]
        raise NotInstalledError(
            f"`imagerag {name}` comes with a plugin that is not installed. Get it with: "
            f"pip install {home}"
        ) from error


def _help(registry: Registry) -> str:
    own, others = [], []
    for offered in registry.commands():
        row = (f"  {offered.name}", offered.offer.summary)
        if offered.distribution == CORE:
            own.append(row)
        else:
            others.append((row[0], f"{row[1]} ({offered.distribution})"))
    commands = table(("commands:", ""), [*own, *others])
    return "\n".join(
        [
            "usage: imagerag COMMAND … [--debug]   |   imagerag COMMAND --help",
            "",
            "Retrieval-augmented text-to-image generation: paint, see what is missing, look it up,",
            "paint again, keep the better picture.",
            "",
            commands,
            "",
            START,
            "",
            EXIT_CODES,
        ]
    )
