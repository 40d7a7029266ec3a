"""Checking what is installed, without a test file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from imagerag.errors import (
    CapabilityError,
    ConfigError,
    NotInstalledError,
    UnknownComponentError,
    UsageError,
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
