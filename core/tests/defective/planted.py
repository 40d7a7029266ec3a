"""Runs the suite of each planted defect, and says which rules found it out.

`python -m defective.planted` writes JSON to standard output: for each defect, and for a sound
component of each role, the rules that are broken and those that could not be judged.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path

import pytest
from PIL import Image

from defective.table import DEFECTS, OPTIONS, PLUGIN
from imagerag.hooks import ROLE_HOOKS
from imagerag.testing.network import offline
from imagerag.testing.suites import Shown, suite_of
from imagerag.testing.suites.ruling import name_of
from imagerag.values import Capability

KNOWN = {
    "metric": {
        "known": tuple(
            (
                Shown(Image.new("RGB", (8, 8), (high,) * 3)),
                Shown(Image.new("RGB", (8, 8), (low,) * 3)),
            )
            for high, low in ((250, 130), (190, 70))
        )
    },
    "encoder": {"other_options": {"salt": "another"}},
}
MORE = {
    "needs-suffice": {
        "capability": Capability(frozenset({"text", "in-context", "mask"}), 3, 1, "<|image_{k}|>")
    }
}


def suites():
    """Yield a key and a suite for each defect, and for a sound component of each role."""
    for role in ROLE_HOOKS:
        yield f"{role} sound", _suite(role, "sound", OPTIONS.get(role, {}))
    yield "generator unseedable", _suite("generator", "unseedable", OPTIONS["generator"])
    for defect in DEFECTS:
        yield f"{defect.role} {defect.rule}", _suite(defect.role, defect.name, defect.all_options)


def _suite(role, name, options):
    given = {"component": name, "plugin": PLUGIN, "options": options}
    given |= KNOWN.get(role, {}) | (MORE.get(name, {}) if role == "conditioner" else {})
    return type("TestPlanted", (suite_of(role),), given)


class Listener:
    """Puts the suites into an empty test file, and collects verdicts."""

    def __init__(self):
        self.suites = dict(suites())
        self.names = {f"TestPlanted{n}": key for n, key in enumerate(self.suites)}
        self.verdicts = {key: {"broken": [], "unjudged": [], "held": 0} for key in self.suites}

    @pytest.hookimpl
    def pytest_pycollect_makemodule(self, module_path, parent):
        module = pytest.Module.from_parent(parent, path=module_path)
        for name, key in self.names.items():
            setattr(module.obj, name, self.suites[key])
        return module

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report):
        _, name, test = report.nodeid.split("::")
        verdict, rule = self.verdicts[self.names[name]], name_of(test)
        if report.failed:
            verdict["broken"].append([rule, report.longreprtext])
        elif report.skipped:
            verdict["unjudged"].append([rule, str(report.longrepr[-1])])
        elif report.when == "call":
            verdict["held"] += 1


def run():
    """Run all of them in this process, and return the verdicts."""
    listener = Listener()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "test_planted.py"
        file.write_text("")
        (Path(folder) / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
        arguments = [str(file), f"--rootdir={folder}", "-c", f"{folder}/pytest.ini", "-q"]
        arguments += ["--capture=no", "-p", "no:cacheprovider", "--import-mode=importlib"]
        arguments += [f"--basetemp={folder}/temporary"]
        said = io.StringIO()
        with offline(), contextlib.redirect_stdout(said):
            code = pytest.main(arguments, plugins=[listener])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise SystemExit(said.getvalue())
    return listener.verdicts


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run()))
