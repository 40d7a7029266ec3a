"""Checking what is installed, without a test file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from imagerag.errors import (
    CapabilityError,
    ConfigError,
    NotInstalledError,
    UnknownComponentError,
    UsageError,
    WeightsError,
)
from imagerag.testing import rules
from imagerag.testing.suites import Result, run

PLUGIN = "defective.plugin"


@pytest.fixture(autouse=True)
def defective(monkeypatch):
    """The defective components can be imported, also by the process of the probe."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def named(report):
    return {each.rule: each for each in report.results}


def test_a_sound_component_keeps_every_rule():
    report = run("reranker", "sound", plugin=PLUGIN)
    assert (report.role, report.component, report.exit_code) == ("reranker", "sound", 0)
    assert [each.rule for each in report.results] == [each.name for each in rules("reranker")]
    assert {each.outcome for each in report.results} == {"held"}
    assert all(each.told == "" for each in report.results)


def test_a_broken_rule_says_by_what():
    report = run("reranker", "it-permutes", plugin=PLUGIN)
    assert report.exit_code == 1
    [broken] = report.broken
    assert isinstance(broken, Result)
    assert broken.rule == "it-permutes"
    assert "of the hits [" in broken.told and "Traceback" not in broken.told


def test_what_does_not_apply_is_unjudged_with_its_reason():
    told = named(run("critic", "scripted"))["undeclared-abilities-are-refused"]
    assert (told.outcome, told.told) == ("unjudged", "it declares every ability")


def test_options_and_the_run_beside_are_given():
    beside = {"critic": {"use": "scripted", "order": [1, 0]}}
    report = run("reranker", "critic", {"most": 2}, beside=beside)
    assert report.exit_code == 0


def test_without_known_pairs_a_metric_is_judged_by_the_rest():
    results = named(run("metric", "sound", plugin=PLUGIN))
    assert results["known-pairs-are-told-apart"].outcome == "unjudged"
    assert results["values-are-finite"].outcome == "held"
    assert run("metric", "known-pairs-are-told-apart", plugin=PLUGIN).exit_code == 0


def test_wrong_calls_are_no_broken_rules():
    with pytest.raises(UnknownComponentError, match="there is no reranker 'sounds'"):
        run("reranker", "sounds", plugin=PLUGIN)
    with pytest.raises(ConfigError, match="unknown key 'moist'"):
        run("reranker", "critic", {"moist": 2})
    with pytest.raises(UsageError, match="no role 'painter'"):
        run("painter", "seeded")


def test_a_remote_component_is_not_called_unasked(acme):
    with pytest.raises(CapabilityError, match="'away' is remote"):
        run("generator", "away", plugin="acme_imagerag.plugin")
    with pytest.raises(CapabilityError, match="'sly' is remote"):  # its class says so alone
        run("generator", "sly", plugin="acme_imagerag.plugin")
    allowed = run("generator", "away", plugin="acme_imagerag.plugin", allow_remote=True)
    assert named(allowed)["it-stays-on-this-machine"].outcome == "unjudged"


def test_a_level_above_the_rules_holds_all_of_them():
    assert run("conditioner", "sound", plugin=PLUGIN, level=7).exit_code == 0


def test_settings_of_pytest_around_it_do_not_count(monkeypatch, tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (tmp_path / "conftest.py").write_text("raise RuntimeError('not this one')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--another-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    assert run("conditioner", "sound", plugin=PLUGIN).exit_code == 0
    assert os.environ["PYTEST_ADDOPTS"] == "--another-option"
    assert "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in os.environ


def test_nothing_is_printed(capfd):
    run("conditioner", "sound", plugin=PLUGIN)
    assert capfd.readouterr() == ("", "")


def test_without_pytest_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytest", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'imagerag\[testing\]'"):
        run("reranker", "sound", plugin=PLUGIN)


def test_a_place_can_be_shown_to_a_source(tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8), "red").save(tmp_path / name)
    report = run("source", "folder", location=str(tmp_path))
    assert {each.outcome for each in report.results} == {"held"}
    empty = tmp_path / "empty"
    empty.mkdir()
    assert named(run("source", "folder", location=str(empty)))["it-finds-images"].outcome == (
        "broken"
    )
    with pytest.raises(UsageError, match="a metric looks through no location"):
        run("metric", "sound", plugin=PLUGIN, location=str(tmp_path))


STRAY = """
import os
from PIL import Image
from imagerag.hooks import Offer, hookimpl
from imagerag.testing.doubles import SeededGenerator
from imagerag.errors import WeightsError


class Random(SeededGenerator):
    def generate(self, guidances):
        painted = super().generate(guidances)
        return [Image.frombytes("RGB", p.size, os.urandom(3 * p.width * p.height)) for p in painted]


class Crashing(SeededGenerator):
    def generate(self, guidances):
        raise RuntimeError("boom")


class Empty(SeededGenerator):
    def generate(self, guidances):
        raise WeightsError("there are no weights. Give a folder.")


@hookimpl
def imagerag_generators():
    return [
        Offer(name.lower(), "of a test", f"stray:{name}", "imagerag.testing.config:SizeConfig")
        for name in ("Random", "Crashing", "Empty")
    ]
"""


@pytest.fixture
def stray(tmp_path, monkeypatch):
    (tmp_path / "stray.py").write_text(STRAY)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("stray", None)


def test_chance_is_one_broken_rule_in_few_words(stray):
    report = run("generator", "random", {"width": 64, "height": 64}, plugin="stray")
    assert [each.rule for each in report.broken] == ["same-seed-same-picture"]
    assert named(report)["after-closing-it-works-or-says-so"].outcome in ("held", "unjudged")
    assert max(len(each.told) for each in report.results) < 500


def test_an_exception_is_told_in_a_line_with_its_place(stray):
    report = run("generator", "crashing", plugin="stray")
    told = named(report)["one-picture-each"].told
    assert told.startswith("it raises RuntimeError: boom\n")
    assert "stray.py, line 17, in generate" in told
    assert max(len(each.told) for each in report.results) < 500


def test_without_weights_nothing_is_judged_and_they_are_looked_for_once(stray):
    with pytest.raises(WeightsError, match="there are no weights"):
        run("generator", "empty", plugin="stray")
