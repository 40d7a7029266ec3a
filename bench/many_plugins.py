"""How long it takes to start with many plugins: thirty new ones beside what is installed.

The plugins are those that `imagerag plugins new` writes, of all roles, built by their own backend
and unpacked as an installer does. The same commands run without and with them, and with five more
that misbehave: one raises, one wants another core, two offer one name, one sleeps for 0.2 s. All
take turns, so that a busy machine slows them alike. Reported are medians in seconds, and what one
plugin costs. Nothing is asserted: the figures are for people.

    python bench/many_plugins.py [--plugins 30] [--rounds 9]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

from imagerag.hooks import ROLE_HOOKS
from imagerag.registry import Registry
from imagerag.scaffold.names import choose
from imagerag.scaffold.rendering import render, write

COMMANDS = {"--help": ["--help"], "plugins list": ["plugins", "list"]}
AIMS = {"--help": 0.3, "plugins list": 0.4}
"""Seconds with thirty plugins."""


def install(site: Path, role: str, name: str, change: Callable[[Path], None] | None = None) -> None:
    """Write a new plugin, change it where that is said, and unpack its wheel into `site`."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "plugin"
        write(folder, render(choose(role, name, Registry([]))))
        if change is not None:
            change(folder)
        [wheel] = WheelBuilder(str(folder)).build(directory=temporary, versions=["standard"])
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)


def rewritten(path: str, old: str, new: str) -> Callable[[Path], None]:
    """Return a change that replaces what matches `old` in the one file that matches `path`."""

    def change(folder: Path) -> None:
        [file] = folder.glob(path)
        text, count = re.subn(old, new, file.read_text(encoding="utf-8"), count=1)
        assert count, f"{file.name} has no {old!r}"
        file.write_text(text, encoding="utf-8")

    return change


HOOKS = "src/*/plugin.py"
IMPORT = "from imagerag.hooks import Offer, hookimpl\n"  # a pattern that matches itself

MISBEHAVING: dict[str, Callable[[Path], None]] = {
    "raises": rewritten(HOOKS, IMPORT, IMPORT + "\nraise RuntimeError('the wheels came off')\n"),
    "tomorrow": rewritten("pyproject.toml", r'"imagerag>=[^"]+"', '"imagerag>=7,<8"'),
    "one": rewritten(HOOKS, 'name="one"', 'name="twin"'),
    "two": rewritten(HOOKS, 'name="two"', 'name="twin"'),
    "slow": rewritten(HOOKS, IMPORT, IMPORT + "import time\n\ntime.sleep(0.2)\n"),
}
"""Plugins that misbehave, by name: what is changed of a new one."""


def install_many(site: Path, count: int) -> None:
    """Install that many plugins, of all roles in turn."""
    roles = list(ROLE_HOOKS)
    for number in range(count):
        install(site, roles[number % len(roles)], f"thing-{number}")


def install_misbehaving(site: Path) -> None:
    """Install the five that misbehave."""
    for name, change in MISBEHAVING.items():
        install(site, "generator", name, change)


def seconds_of(words: Iterable[str], sites: Iterable[Path]) -> float:
    """Return how long one command takes in a process of its own, with these folders on the path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sites))}
    command = [sys.executable, "-m", "imagerag", *words]
    started = time.perf_counter()
    subprocess.run(command, check=True, env=environment, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure, and print JSON and a table."""
    parser = argparse.ArgumentParser(description="Start-up time with many plugins, in seconds.")
    parser.add_argument("--plugins", type=int, default=30, help="how many are installed (30)")
    parser.add_argument("--rounds", type=int, default=9, help="runs of each command (9)")
    arguments = parser.parse_args()
    spent: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        many, wrong = Path(temporary) / "many", Path(temporary) / "wrong"
        install_many(many, arguments.plugins)
        install_misbehaving(wrong)
        settings = {
            "as it is": [],
            f"with {arguments.plugins}": [many],
            f"with {arguments.plugins} and five that misbehave": [many, wrong],
        }
        for number in range(arguments.rounds + 1):
            for setting, sites in settings.items():
                for name, words in COMMANDS.items():
                    took = seconds_of(words, sites)
                    if number:  # the first round compiles and warms up
                        spent.setdefault((name, setting), []).append(took)
    medians = {key: statistics.median(values) for key, values in spent.items()}
    print(json.dumps({f"{n}, {s}": round(m, 4) for (n, s), m in medians.items()}, indent=2))
    for name in COMMANDS:
        bare, full, wrong_too = (medians[name, setting] for setting in settings)
        one = (full - bare) / arguments.plugins * 1000
        print(
            f"imagerag {name:<13} {bare:.3f} s as it is, {full:.3f} s with {arguments.plugins} "
            f"plugins ({one:.2f} ms each; aim: under {AIMS[name]} s), {wrong_too:.3f} s with five "
            "that misbehave as well, of which one sleeps 0.2 s"
        )


if __name__ == "__main__":
    main()
