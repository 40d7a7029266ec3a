"""Thirty plugins, and five that misbehave: each of those is named, and none is in the others' way.

How long it takes is for `bench/many_plugins.py`, which makes the plugins for both.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

COUNT = 30


def _module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bench = _module(Path(__file__).resolve().parent.parent / "bench" / "many_plugins.py")


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """Folders of installed packages: the thirty, and the five."""
    folder = tmp_path_factory.mktemp("many")
    bench.install_many(folder / "many", COUNT)
    bench.install_misbehaving(folder / "wrong")
    return folder / "many", folder / "wrong"


@pytest.fixture(scope="module")
def imagerag(tmp_path_factory, run, sites):
    """Run `imagerag` with the thirty installed, and the five as well unless that is said."""
    desk = tmp_path_factory.mktemp("desk")

    def imagerag(*words, expect=0, misbehaving=True):
        path = os.pathsep.join(str(site) for site in (sites if misbehaving else sites[:1]))
        command = (sys.executable, "-m", "imagerag", *words)
        return run(*command, cwd=desk, expect=expect, PYTHONPATH=path, IMAGERAG_HOME=desk / "home")

    return imagerag


@pytest.fixture(scope="module")
def listed(imagerag):
    """The list of all plugins, as JSON."""
    return json.loads(imagerag("plugins", "list", "--json").stdout)


@pytest.fixture(scope="module")
def problems(imagerag):
    """What the doctor says is wrong."""
    return json.loads(imagerag("plugins", "doctor", "--json", expect=1).stdout)["problems"]


def test_thirty_are_found_and_nothing_is_wrong_with_them(imagerag):
    report = json.loads(imagerag("plugins", "doctor", "--json", misbehaving=False).stdout)
    ours = [p for p in report["plugins"] if p["distribution"].startswith("imagerag-thing-")]
    assert len(ours) == COUNT
    assert report["problems"] == []


def test_all_others_are_offered_as_before(imagerag, listed):
    without = json.loads(imagerag("plugins", "list", "--json", misbehaving=False).stdout)["offers"]
    wrong = {f"imagerag-{name}" for name in bench.MISBEHAVING}
    assert [o for o in listed["offers"] if o["distribution"] not in wrong] == without
    offered = {o["distribution"] for o in listed["offers"]} & wrong
    assert offered == {"imagerag-one", "imagerag-two", "imagerag-slow"}


def test_listing_names_what_is_broken_incompatible_and_slow(listed):
    broken = {p["distribution"]: (p["incompatible"], p["error"]) for p in listed["broken"]}
    assert set(broken) == {"imagerag-raises", "imagerag-tomorrow"}
    assert broken["imagerag-raises"] == (False, "RuntimeError: the wheels came off")
    assert broken["imagerag-tomorrow"][0]
    assert "imagerag-slow" in [p["distribution"] for p in listed["slow"]]


def test_the_doctor_names_each_with_what_to_do_and_nobody_else(problems):
    told = {
        "imagerag-raises 0.1.0 is broken: RuntimeError: the wheels came off. Try `pip install "
        "--force-reinstall imagerag-raises`, or do without it: `pip uninstall imagerag-raises`.",
        "the generator 'twin' is offered twice; say which with 'twin@imagerag-one' or "
        "'twin@imagerag-two'.",
    }
    assert told <= set(problems)
    [tomorrow] = [p for p in problems if p.startswith("imagerag-tomorrow 0.1.0 wants imagerag<8,")]
    assert tomorrow.endswith("Try `pip install --upgrade imagerag imagerag-tomorrow`.")
    [slow] = [p for p in problems if p.startswith("imagerag-slow 0.1.0 is slow: it adds 0.")]
    assert "`pip install --upgrade imagerag-slow`" in slow
    assert len(problems) == 4


def test_help_is_what_it_is_without_them(imagerag):
    assert imagerag("--help").stdout == imagerag("--help", misbehaving=False).stdout


def test_a_name_that_clashes_is_refused_with_both_spellings(imagerag):
    done = imagerag("config", "show", "-c", "sandbox", "--set", "generator.use=twin", expect=2)
    assert "'twin@imagerag-one' or 'twin@imagerag-two'" in done.stderr
    described = imagerag("plugins", "info", "twin@imagerag-two", "--json").stdout
    assert json.loads(described)[0]["distribution"] == "imagerag-two"


def test_what_is_missing_is_told_from_what_is_broken(imagerag):
    chosen = ("config", "show", "-c", "sandbox", "--set")
    for name, told in {
        "raises": "which fails to load: RuntimeError: the wheels came off",
        "tomorrow": "imagerag-tomorrow 0.1.0 wants imagerag<8,>=7",
    }.items():
        done = imagerag(*chosen, f"generator.use={name}", expect=None)
        assert done.returncode in (1, 2)
        assert told in done.stderr
        assert "Traceback" not in done.stderr


def test_the_slow_one_works(imagerag):
    assert "blocks = 8" in imagerag("plugins", "info", "slow").stdout
