"""Each plugin alone: the core, what it declares, and its own tests, in an environment of wheels.

What else the workspace holds is not there, so an import that a plugin forgot to declare is found.
"""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = {
    tomllib.loads(file.read_text(encoding="utf-8"))["project"]["name"]: file.parent
    for file in [ROOT / "core/pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]
}
PLUGINS = [name for name in PROJECTS if name != "imagerag"]

pytestmark = pytest.mark.long


def requirements(name):
    """Return the distributions of the workspace that one needs, itself included."""
    found, waiting = set(), [name]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        text = (PROJECTS[one] / "pyproject.toml").read_text(encoding="utf-8")
        listed = tomllib.loads(text)["project"]["dependencies"]
        names = {re.split(r"[\s<>=!~;\[]", line, maxsplit=1)[0] for line in listed}
        waiting += sorted(names & set(PROJECTS))
    return found


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_passes_its_tests_alone(name, wheels, make_environment, run, tmp_path):
    needed = requirements(name)
    commands = make_environment(*(wheels[one] for one in sorted(needed)))
    listed = json.loads(run(commands / "imagerag", "plugins", "list", "--json").stdout)
    assert listed["broken"] == []
    assert {offer["distribution"] for offer in listed["offers"]} <= needed
    # The tests of a plugin, with the workspace's settings and without the workspace.
    shutil.copytree(PROJECTS[name] / "tests", tmp_path / "plugins" / PROJECTS[name].name / "tests")
    shutil.copy(PROJECTS[name] / "README.md", tmp_path / "plugins" / PROJECTS[name].name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "conftest.py", tmp_path)
    command = (
        commands / "python",
        "-m",
        "pytest",
        "-q",
        "-m",
        "not long",
        "-p",
        "no:cacheprovider",
    )
    done = run(*command, "plugins", cwd=tmp_path, IMAGERAG_HOME=tmp_path / "home")
    assert re.search(r"\d+ passed", done.stdout), done.stdout
