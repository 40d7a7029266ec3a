"""Going on where a batch stopped: nothing is paid twice, nothing changed is taken for the same."""

from __future__ import annotations

import resource
import sqlite3
from contextlib import closing
from itertools import count

import pytest

from imagerag.batch.budget import Limits

PROMPTS = [f"thing {n}" for n in range(6)]


def asked(bench):
    return len(bench.parts["critic"].calls)


def test_a_finished_batch_is_not_worked_on_again(bench):
    bench.turn(PROMPTS)
    turn = bench.turn(PROMPTS)
    assert (turn.batch, turn.exit_code) == (1, 0)
    assert asked(bench) == 0
    assert bench.parts["generator"].calls == []


def test_a_longer_list_shares_the_work_of_a_shorter_one(bench):
    bench.turn(PROMPTS[:3])
    turn = bench.turn(PROMPTS)
    assert turn.batch == 2
    assert turn.counts.done == 6
    assert asked(bench) == 2 * 3


@pytest.mark.parametrize(
    "changed",
    [{"loop": {"concepts": 2}}, {"generator": {"width": 9}}, {"critic": {"better": "a"}}],
    ids=str,
)
def test_another_configuration_is_other_work(bench, changed):
    bench.turn(PROMPTS[:2])
    assert bench.turn(PROMPTS[:2], **changed).batch == 2
    assert asked(bench) == 2 * 2


def test_how_much_is_done_at_once_makes_no_other_work(bench):
    bench.turn(PROMPTS[:2])
    assert bench.turn(PROMPTS[:2], window=1, lookups=2).batch == 1
    assert asked(bench) == 0


def test_a_collection_that_changed_is_other_work(bench, more_pools):
    bench.turn(PROMPTS[:2])
    more_pools("pool", ["a photo of an emu"])
    bench.turn(PROMPTS[:2])
    assert asked(bench) == 2 * 2


def test_a_personal_image_counts_by_its_content(bench, tmp_path):
    from PIL import Image

    row = [{"prompt": "thing", "images": str(tmp_path / "mine.png")}]
    for colour, expected in (("red", 1), ("red", 0), ("blue", 1)):
        Image.new("RGB", (9, 9), colour).save(tmp_path / "mine.png")
        bench.turn(row)
        assert len(bench.parts["generator"].calls) == 2 * expected


def test_failures_stay_until_they_are_to_be_tried_again(bench):
    prompts = [*PROMPTS, "a cursed thing"]
    assert bench.turn(prompts).exit_code == 3
    assert bench.turn(prompts).exit_code == 3
    assert bench.parts["generator"].calls == []
    turn = bench.turn(prompts, retry=True)
    assert (turn.exit_code, turn.counts.failed) == (3, 1)
    assert len(bench.parts["generator"].calls) == 1


def test_what_a_provider_out_of_reach_left_is_done_by_the_same_command(bench, tmp_path):
    away = tmp_path / "away"
    away.touch()
    critic = {"away": str(away), "at_once": 2}
    turn = bench.turn(PROMPTS, critic=critic)
    assert (turn.exit_code, turn.counts.pending, turn.counts.failed) == (3, 6, 0)
    assert {run.reason for run in bench.store.runs()} == {"nobody answers"}
    drafts = len(bench.parts["generator"].calls)
    away.unlink()
    turn = bench.turn(PROMPTS, critic=critic)
    assert (turn.exit_code, turn.counts.done) == (0, 6)
    assert not any(run.run.fallback for run in bench.store.runs())
    assert len(bench.parts["generator"].calls) == 12 - drafts  # drafts are not painted again


def test_a_dead_provider_is_given_up(bench, tmp_path):
    (tmp_path / "away").touch()
    prompts = [f"thing {n}" for n in range(40)]
    turn = bench.turn(prompts, critic={"away": str(tmp_path / "away")}, give_up_after=4, window=4)
    assert turn.halt.outcome == "gave up"
    assert "4 prompts in a row failed in the same way" in turn.halt.reason
    assert turn.exit_code == 3
    assert asked(bench) == 0  # the double notes only what it answers
    reviews = [e for e in bench.events if (e.kind, e.stage) == ("started", "review")]
    assert len(reviews) <= 8


def test_a_lost_picture_is_painted_again_and_nobody_asked(bench):
    row = [{"prompt": "a thing of some length"}]
    bench.turn(row, source="left alone")
    whole = bench.store.database.rows("SELECT record, draft, kept FROM works")
    bench.store.database.rows("DELETE FROM rows")
    bench.store.database.rows("DELETE FROM calls")
    bench.store.database.rows("DELETE FROM steps")
    bench.store.database.rows("DELETE FROM works")
    # Enough for the review, and not for the comparison.
    turn = bench.turn(row, limits=Limits(max_usd=0.03))
    assert (turn.exit_code, turn.counts.pending) == (4, 1)
    kept = bench.store.database.rows("SELECT step FROM steps ORDER BY position")
    assert [step for (step,) in kept] == ["Paint", "Ask", "Search", "Paint"]
    bench.store.pictures.path(whole[0][1]).write_bytes(b"no longer a picture")
    assert bench.turn(row).exit_code == 0
    assert [call for call, *_ in bench.parts["critic"].calls] == ["compare"]
    assert len(bench.parts["generator"].calls) == 1
    assert bench.store.database.rows("SELECT record, draft, kept FROM works") == whole


@pytest.mark.parametrize(
    ("kind", "method", "step"),
    [("DearCritic", "review", "Ask"), ("PickyGenerator", "generate", "Paint")],
)
def test_nobody_far_away_is_asked_more_than_a_kill_may_cost(
    bench, parts, monkeypatch, kind, method, step
):
    """What was begun and is not on the disk is never more than may be asked at once."""
    component, open_calls = getattr(parts, kind), []
    call, begun = getattr(component, method), count(1)

    def watched(self, *given, **named):
        with closing(sqlite3.connect(bench.store.folder / "runs.sqlite")) as store:
            query = "SELECT count(*) FROM steps WHERE step = ?"
            [(kept,)] = store.execute(query, (step,)).fetchall()
        open_calls.append(next(begun) - kept)
        return call(self, *given, **named)

    monkeypatch.setattr(component, "remote", True)
    monkeypatch.setattr(component, method, watched)
    assert bench.turn([f"a sane thing {n}" for n in range(12)]).exit_code == 0
    assert open_calls == [1] * 12


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="POSIX only")
def test_a_full_disk_ends_the_batch_and_the_same_command_goes_on(bench):
    prompts = [f"thing {n}" for n in range(60)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    plan = bench.turn(prompts[:1], source="first")
    assert plan.exit_code == 0
    try:
        # Larger files cannot be written: what SQLite and Python then meet is an error of the disk.
        size = (bench.store.folder / "runs.sqlite-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 200_000, hard))
        turn = bench.turn(prompts)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert turn.exit_code == 1
    assert "run the same command again" in turn.halt.reason
    before = turn.counts.done
    turn = bench.turn(prompts)
    assert (turn.exit_code, turn.counts.done) == (0, 60)
    assert before < 60
