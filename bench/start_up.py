"""How long it takes to start: the command line and the import, beside a bare Python.

Every command is a process of its own; the commands take turns, so that a busy machine slows all of
them alike. Reported are medians in seconds, and as ratios to `python -c pass` and to a Python that
imports pluggy and importlib.metadata, which a program with plugins cannot do without. Nothing is
asserted: the figures are for people.

    python bench/start_up.py [--rounds 9]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

PYTHON = sys.executable
BARE = "python -c pass"
LEAST = "python -c 'import pluggy, importlib.metadata'"
COMMANDS = {
    BARE: [PYTHON, "-c", "pass"],
    LEAST: [PYTHON, "-c", "import pluggy, importlib.metadata"],
    "python -c 'import imagerag'": [PYTHON, "-c", "import imagerag"],
    "imagerag --help": [PYTHON, "-m", "imagerag", "--help"],
    "imagerag plugins list": [PYTHON, "-m", "imagerag", "plugins", "list"],
}


def measure(rounds: int) -> dict[str, list[float]]:
    """Return the seconds of every command in every round; one round before that warms up."""
    spent: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(rounds + 1):
        for name, command in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if number:
                spent[name].append(time.perf_counter() - started)
    return spent


def main() -> None:
    """Measure, and print JSON and a table."""
    parser = argparse.ArgumentParser(description="Start-up time, as ratios and in seconds.")
    parser.add_argument("--rounds", type=int, default=9, help="runs of each command (9)")
    medians = {
        name: statistics.median(seconds)
        for name, seconds in measure(parser.parse_args().rounds).items()
    }
    figures = {
        name: {
            "seconds": round(seconds, 4),
            "to_bare": round(seconds / medians[BARE], 2),
            "to_least": round(seconds / medians[LEAST], 2),
        }
        for name, seconds in medians.items()
    }
    print(json.dumps(figures, indent=2))
    for name, figure in figures.items():
        print(
            f"{name:<46} {figure['seconds']:.3f} s, {figure['to_bare']:.1f} × a bare Python, "
            f"{figure['to_least']:.1f} × pluggy and importlib.metadata"
        )


if __name__ == "__main__":
    main()
