"""The command line, `imagerag`: one small module per command group."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    from imagerag.cli.entry import main as run

    return run(argv)
