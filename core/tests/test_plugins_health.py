"""What the doctor says of plugins: each trouble named, with what to do next."""

from __future__ import annotations

import json

import pytest

HOOKS = """
from imagerag.hooks import Command, Offer, hookimpl

@hookimpl
def imagerag_critics():
    return [Offer({name!r}, "a critic", "a.b:C", "a.b:D")]
"""


@pytest.fixture
def plugin(shell, install):
    """Install a plugin of one module; its text comes after the hooks of a critic."""

    def plugin(distribution, text="", module=None, **metadata):
        module = module or distribution.replace("-", "_")
        hooks = HOOKS.format(name=f"critic-of-{distribution}")
        install(
            shell.site,
            distribution,
            entry_points={"it": module},
            modules={f"{module.replace('.', '/')}.py": hooks + text},
            **metadata,
        )

    return plugin


@pytest.fixture
def report(shell):
    """Ask for the report as JSON; return plugins by distribution, and problems."""

    def report(*, expect=1, words=("plugins", "doctor")):
        done = shell(*words, "--json")
        assert done.returncode == expect, done.stderr
        told = json.loads(done.stdout)
        return {p["distribution"]: p for p in told["plugins"]}, told["problems"]

    return report


def test_without_trouble_it_is_content(shell, plugin, report):
    plugin("fine")
    plugins, problems = report(expect=0)
    assert problems == []
    assert plugins["fine"]["offers"] == ["critic critic-of-fine"]
    assert not plugins["fine"]["slow"]
    told = shell("plugins", "doctor").stdout
    assert "fine 1.0 (it), loaded in" in told
    assert "ms: ok" in told
    assert "No problems found." in told


def test_a_slow_plugin_is_named_with_its_seconds(shell, plugin, report):
    plugin("aaa-slow", "import time\ntime.sleep(0.25)\n")
    plugin("fine")
    plugins, problems = report()
    assert plugins["aaa-slow"]["slow"]
    assert 0.25 <= plugins["aaa-slow"]["load_seconds"] < 5
    assert not plugins["fine"]["slow"]
    [problem] = problems
    assert problem.startswith("aaa-slow 1.0 is slow: it adds 0.")
    assert "pip install --upgrade aaa-slow" in problem
    listed = shell("plugins", "list")
    assert listed.returncode == 0
    assert "slow: aaa-slow 1.0" in listed.stderr


def test_a_machine_that_was_busy_once_makes_nobody_slow(plugin, report, tmp_path):
    seen = tmp_path / "seen"
    text = f"""
import time
from pathlib import Path
if not Path({str(seen)!r}).exists():
    Path({str(seen)!r}).touch()
    time.sleep(0.25)
"""
    plugin("unlucky", text)
    plugins, problems = report(expect=0)
    assert problems == []
    assert plugins["unlucky"]["load_seconds"] < 0.1


def test_a_plugin_that_imports_a_library_too_early_is_named_with_it(plugin, report):
    # The second would hide behind the first: the library is there already when it is loaded.
    plugin("one", "import sqlite3\n")
    plugin("two", "import sqlite3\n")
    plugin("fine")
    plugins, problems = report()
    assert plugins["one"]["imports"] == plugins["two"]["imports"] == ["sqlite3"]
    assert plugins["fine"]["imports"] == []
    for problem, name in zip(problems, ("one", "two"), strict=True):
        assert problem.startswith(f"{name} 1.0 imports sqlite3 before any of its components")
        assert "inside functions" in problem


def test_a_slow_import_is_told_with_the_library(plugin, report):
    plugin("both", "import sqlite3, time\ntime.sleep(0.25)\n")
    _, [problem] = report()
    assert "to every command, as it imports sqlite3." in problem


def test_broken_and_incompatible_plugins_are_told_apart(shell, plugin, report):
    plugin("wreck", "raise RuntimeError('no luck')\n")
    plugin("tomorrow", requires=["imagerag>=99"])
    plugins, problems = report()
    assert plugins["wreck"]["error"] == "RuntimeError: no luck"
    assert not plugins["wreck"]["incompatible"]
    assert plugins["tomorrow"]["incompatible"]
    tomorrow, wreck = problems
    assert wreck.startswith("wreck 1.0 is broken: RuntimeError: no luck. Try `pip install")
    assert "`pip uninstall wreck`" in wreck
    assert tomorrow.startswith("tomorrow 1.0 wants imagerag>=99, and 0.")
    assert tomorrow.endswith("Try `pip install --upgrade imagerag tomorrow`.")
    told = shell("plugins", "doctor").stdout
    assert "tomorrow 1.0 (it), loaded in 0.0 ms: incompatible" in told
    assert "wreck 1.0 (it), loaded in" in told
    listed = shell("plugins", "list").stderr
    assert "incompatible: tomorrow 1.0" in listed
    assert "broken: wreck 1.0" in listed


def test_names_that_clash_are_told_with_both_spellings(shell, plugin, report, install):
    for name in ("one", "two"):
        plugin(name, HOOKS.format(name="twin").replace("_critics", "_encoders"))
    taken = """
@hookimpl
def imagerag_commands():
    return [Command("doctor", "a quack", "quack:fill")]
"""
    plugin("quack", taken)
    _, problems = report()
    assert problems == [
        "the encoder 'twin' is offered twice; say which with 'twin@one' or 'twin@two'.",
        "the command 'doctor' is the core's own; say 'doctor@quack' for the other.",
    ]
    told = shell("plugins", "list", "--role", "encoder").stdout
    assert "twin@one" in told
    assert "twin@two" in told


def test_two_distributions_with_one_package_are_named(plugin, report):
    plugin("first", module="shared.first")
    plugin("second", module="shared.second")
    _, [problem] = report()
    assert problem.startswith("first and second both install the package 'shared'")
    assert "`pip uninstall first second`" in problem


def test_a_damaged_list_of_entry_points_is_a_problem_like_others(shell, install, report):
    info = install(shell.site, "damaged")
    (info / "entry_points.txt").write_text("[imagerag]\nno equals sign\n")
    _, [problem] = report()
    assert problem.startswith("damaged 1.0 is broken: its entry_points.txt cannot be read: line 2")
    assert shell("--help").returncode == 0


def test_the_doctor_of_everything_has_the_same_plugins(plugin, report):
    plugin("aaa-slow", "import time\ntime.sleep(0.25)\n")
    plugin("tomorrow", requires=["imagerag>=99"])
    short, problems = report()
    whole, all_problems = report(words=("doctor", "--quick"))
    assert list(short) == list(whole)
    assert [p.partition(":")[0] for p in problems] == [p.partition(":")[0] for p in all_problems]
    assert whole["aaa-slow"]["slow"]
