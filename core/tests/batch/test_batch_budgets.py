"""Every budget stops in time, keeps what was finished, and says so."""

from __future__ import annotations

import json
import signal
import time

import pytest

from imagerag.batch.budget import Limits

PROMPTS = [f"thing {n:03}" for n in range(20)]  # 9 characters: a call costs 0.009 dollars


@pytest.mark.parametrize("at_once", [1, 4])
def test_dollars_are_not_overspent(bench, at_once):
    limits = Limits(max_usd=0.1)
    turn = bench.turn(PROMPTS, limits=limits, critic={"at_once": at_once, "seconds": 0.01})
    spent = sum(line.usd for line in bench.store.ledger())
    assert turn.exit_code == 4
    assert 0.1 - 0.009 < spent <= 0.1
    assert turn.counts.pending > 0
    assert turn.counts.failed == 0


def test_a_larger_budget_goes_on_and_the_same_one_does_not(bench):
    bench.turn(PROMPTS, limits=Limits(max_usd=0.1))
    before = bench.store.counts().done
    assert bench.turn(PROMPTS, limits=Limits(max_usd=0.1)).exit_code == 4
    assert bench.store.counts().done == before
    turn = bench.turn(PROMPTS, limits=Limits(max_usd=1))
    assert (turn.exit_code, turn.counts.done) == (0, 20)
    assert sum(line.usd for line in bench.store.ledger()) == pytest.approx(40 * 0.009)


def test_a_price_that_is_unknown_stops_a_budget_in_dollars(bench):
    turn = bench.turn(PROMPTS, limits=Limits(max_usd=1), critic={"priced": False})
    assert turn.exit_code == 4
    assert "unknown price" in turn.halt.reason
    assert sum(line.calls for line in bench.store.ledger()) == 1


def test_an_unknown_price_is_no_matter_where_it_is_allowed(bench):
    limits = Limits(max_usd=1, allow_unknown_price=True)
    assert bench.turn(PROMPTS, limits=limits, critic={"priced": False}).exit_code == 0


def test_seconds_are_kept_to(bench):
    turn = bench.turn(PROMPTS, limits=Limits(max_seconds=1.0), generator={"seconds": 0.2})
    assert turn.exit_code == 4
    assert turn.seconds < 1.0 + 2
    assert 0 < turn.counts.done < 20


def test_a_call_that_would_last_too_long_is_not_begun(bench):
    turn = bench.turn(PROMPTS, limits=Limits(max_seconds=1.5), generator={"seconds": 1.0})
    assert turn.exit_code == 4
    assert len(bench.parts["generator"].calls) <= 2


SLOW = """
import time

from imagerag.hooks import Offer, hookimpl
from imagerag.testing.doubles import SeededGenerator


class Slow(SeededGenerator):
    def generate(self, guidances):
        time.sleep(60 if "endless" in guidances[0].prompt else 0)
        return super().generate(guidances)


@hookimpl
def imagerag_generators():
    return [Offer("slow", "x", "slow_parts:Slow", "imagerag.testing.config:SizeConfig")]
"""

CONFIG = """
[generator]
use = "slow"

[conditioner]
use = "plain"

[loop]
gate = "never"
"""


@pytest.fixture
def desk(shell, install):
    """A shell with a generator that may take a minute, and prompts."""
    install(
        shell.site,
        "slow-for-imagerag",
        entry_points={"slow": "slow_parts", "doubles": "imagerag.testing.plugin"},
        modules={"slow_parts.py": SLOW},
    )
    (shell.work / "imagerag.toml").write_text(CONFIG)
    (shell.work / "good.txt").write_text("one\ntwo\n")
    (shell.work / "mixed.csv").write_text("prompt,seed\none,1\n,2\nthree,x\n")
    (shell.work / "endless.txt").write_text("one\ntwo\nendless\n")
    return shell


def test_the_command_paints_tells_and_exports(desk):
    done = desk("batch", "good.txt", "--out", "out", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["done"], told["outcome"]) == (2, "finished")
    done = desk("runs", "list", "out")
    assert "2 done, 0 failed, 0 left" in done.stdout
    assert "kept        the draft" in desk("runs", "show", "out", "2").stdout
    assert desk("runs", "export", "out", "--out", "files").returncode == 0
    assert sorted(path.name for path in (desk.work / "files").glob("*.png")) == [
        "00001-one-0.png",
        "00002-two-0.png",
    ]
    assert "one" in desk("show", "files/00001-one-0.png").stdout


def test_rows_that_cannot_be_read_are_named_and_the_rest_is_done(desk):
    done = desk("batch", "mixed.csv", "--out", "out")
    assert done.returncode == 3
    assert "line 3: the prompt is empty" in done.stderr
    assert "line 4: the seed 'x' is no whole number" in done.stderr
    assert "1 of 3 done, 2 failed, 0 left" in done.stdout


def test_batches_and_rows_are_compared(desk):
    desk("batch", "good.txt", "--out", "a")
    desk("batch", "good.txt", "--out", "b")
    desk("batch", "good.txt", "--out", "c", "--set", "generator.width=9")
    assert desk("runs", "diff", "a", "b").returncode == 0
    done = desk("runs", "diff", "a", "c")
    assert done.returncode == 1
    assert "generator.width: 8 → 9" in done.stdout
    assert "2 rows differ" in done.stdout
    assert desk("runs", "diff", "a:1", "c:1").returncode == 1


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(desk):
    done = desk("batch", "good.txt", "--out", "out", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "2 of 2 rows are left to do" in done.stdout
    assert not (desk.work / "out").exists()


def test_ctrl_c_ends_within_two_seconds_and_keeps_what_was_finished(desk):
    process = desk.start("batch", "endless.txt", "--out", "out")
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if "2 done" in desk("runs", "list", "out").stdout:
            break
    process.send_signal(signal.SIGINT)
    pressed = time.monotonic()
    assert process.wait(timeout=30) == 130
    assert time.monotonic() - pressed < 2
    assert "2 done, 0 failed, 1 left" in desk("runs", "list", "out").stdout


def test_seconds_end_a_call_that_does_not_end(desk):
    started = time.monotonic()
    done = desk("batch", "endless.txt", "--out", "out", "--max-seconds", "1")
    assert done.returncode == 4
    assert "the budget of 1 seconds is reached" in done.stderr
    assert time.monotonic() - started < 15
