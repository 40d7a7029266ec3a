"""The kit is tested by what it must find: one defective component for each rule.

Each breaks exactly that rule of its role, so that a rule finds what it is for and nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imagerag.hooks import ROLE_HOOKS
from imagerag.testing import rules
from imagerag.testing.network import LOG_VARIABLE

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
try:
    from defective.table import DEFECTS
finally:
    sys.path.remove(str(HERE))

KEYS = [f"{defect.role} {defect.rule}" for defect in DEFECTS]
SECONDS = 120


@pytest.fixture(scope="module")
def verdicts():
    """What each suite finds, from a process of its own."""
    # One of the defects reaches for the network, and this process's own guard would hear of it.
    environment = {name: value for name, value in os.environ.items() if name != LOG_VARIABLE}
    path = os.pathsep.join(filter(None, [str(HERE), environment.get("PYTHONPATH")]))
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "defective.planted"],
        env={**environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=10 * SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - began < SECONDS
    return json.loads(done.stdout)


@pytest.mark.parametrize("key", KEYS)
def test_a_defect_is_found_by_its_rule_and_by_no_other(verdicts, key):
    broken = [rule for rule, _ in verdicts[key]["broken"]]
    assert broken == [key.split(" ")[1]], verdicts[key]["broken"]


@pytest.mark.parametrize("role", ROLE_HOOKS)
def test_a_sound_component_breaks_no_rule(verdicts, role):
    verdict = verdicts[f"{role} sound"]
    assert verdict["broken"] == []
    # What it has nothing of cannot be judged: a critic with every ability refuses none.
    assert len(verdict["unjudged"]) <= 2
    assert verdict["held"] > 20


def test_what_cannot_be_judged_without_seeds_is_not_broken(verdicts):
    verdict = verdicts["generator unseedable"]
    assert verdict["broken"] == []
    unjudged = {rule for rule, _ in verdict["unjudged"]}
    assert {"same-seed-same-picture", "order-is-kept", "a-reference-matters"} <= unjudged
    assert "references-beyond-the-capability-are-refused" not in unjudged


def test_every_rule_has_its_defect():
    planted = {(defect.role, defect.rule) for defect in DEFECTS}
    assert len(planted) == len(DEFECTS)
    for rule in rules():
        of_the_rule = [role for role, name in planted if name == rule.name]
        if rule.role == "every":
            assert len(of_the_rule) == 1, rule
        else:
            assert rule.role in of_the_rule, rule
    known = {rule.name for rule in rules()}
    assert {name for _, name in planted} <= known
