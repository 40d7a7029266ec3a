"""What a batch makes, and how its prompts share components."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imagerag import Session, run_prompt
from imagerag.batch.store import RunStore
from imagerag.errors import ConfigError
from imagerag.run import pixels_digest

PROMPTS = [f"thing {n}" for n in range(6)] + ["a sane thing"]


def timeless(run):
    """A run without what a clock decided."""
    ledger = tuple(replace(line, seconds=0.0) for line in run.ledger)
    return replace(run, created="", seconds={}, ledger=ledger)


def test_a_batch_makes_what_single_runs_make(bench):
    turn = bench.turn(PROMPTS, lookups=1, critic={"at_once": 3})
    assert turn.exit_code == 0
    stored = list(bench.store.runs())
    settings = bench.settings(critic={"at_once": 3}, lookups=1)
    with Session.from_config(settings, registry=bench.plugins) as session:
        for one, prompt in zip(stored, PROMPTS, strict=True):
            run = run_prompt(session, prompt)
            assert timeless(one.run) == timeless(run)
            assert list(one.run.seconds) == list(run.seconds)
            kept = bench.store.pictures.get(one.pictures["kept"].stem)
            assert pixels_digest(kept) == pixels_digest(run.image)


def test_runs_are_read_back_in_the_order_of_the_list(bench):
    bench.turn(PROMPTS, critic={"at_once": 4, "seconds": 0.01})
    assert [run.prompt for run in bench.store.runs()] == PROMPTS
    assert [run.number for run in bench.store.runs()] == list(range(1, 8))
    assert bench.store.counts().done == 7


def test_a_run_has_its_pictures_and_references(bench, tmp_path):
    bench.turn(["thing", "a sane thing"])
    with RunStore.open(tmp_path / "out") as store:
        changed, kept = store.runs()
    assert set(changed.pictures) == {"draft", "result", "kept"}
    assert all(path.is_file() for path in changed.pictures.values())
    assert len(changed.references) == 1
    assert set(kept.pictures) == {"draft", "kept"}
    assert kept.pictures["draft"] == kept.pictures["kept"]


def test_pictures_of_one_kind_are_painted_together_and_no_others(bench):
    rows = [{"prompt": f"thing {n}", "size": "8x8" if n % 2 else "16x16"} for n in range(16)]
    bench.turn(rows, generator={"together": 4, "seconds": 0.02})
    calls = bench.parts["generator"].calls
    assert all(len(set(call)) == 1 for call in calls)
    assert max(map(len, calls)) == 4
    assert len(calls) < 32 / 2


def test_one_that_cannot_be_painted_takes_no_other_with_it(bench):
    prompts = [*PROMPTS[:3], "a cursed thing", *PROMPTS[3:]]
    turn = bench.turn(prompts, generator={"together": 4})
    assert (turn.counts.done, turn.counts.failed, turn.exit_code) == (7, 1, 3)
    (failed,) = [run for run in bench.store.runs() if run.state == "failed"]
    assert (failed.prompt, failed.kind) == ("a cursed thing", "CapabilityError")
    assert failed.reason == "this one is cursed."


def test_captions_are_looked_up_together(bench):
    bench.turn(PROMPTS * 2 + ["more"], critic={"at_once": 8}, lookups=4)
    searches = bench.parts["retriever"].searches
    assert {len(texts) for texts in searches} == {4}  # filled up, so that scores do not vary


def test_scores_do_not_depend_on_who_else_is_looked_up(bench, tmp_path):
    bench.turn(PROMPTS, critic={"at_once": 8}, source="many")
    bench.turn(PROMPTS, critic={"at_once": 8}, window=1, source="one")
    one, many = list(bench.store.runs(1)), list(bench.store.runs(2))
    assert [run.key for run in one] == [run.key for run in many]


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_critic_is_asked_as_often_at_once_as_it_allows(bench, at_once):
    bench.turn(PROMPTS, critic={"at_once": at_once, "seconds": 0.03})
    assert bench.parts["critic"].peak == at_once


def test_no_more_prompts_are_under_way_than_the_window_allows(bench):
    bench.turn(PROMPTS * 1, window=2, critic={"at_once": 8, "seconds": 0.01})
    under_way = most = 0
    for event in bench.events:
        if event.stage == "run":
            under_way += {"started": 1, "finished": -1, "failed": -1}[event.kind]
            most = max(most, under_way)
    assert most == 2


def test_copies_of_a_generator_paint_side_by_side(bench):
    one = bench.turn(PROMPTS, generator={"seconds": 0.1}, generators=1, source="one")
    four = bench.turn(
        [f"other {n}" for n in range(7)], generator={"seconds": 0.1}, generators=4, source="four"
    )
    assert four.seconds < one.seconds / 1.7


def test_copies_of_a_generator_are_each_on_a_device(bench, parts):
    devices = ["cuda:0", "cuda:1"]
    bench.turn(PROMPTS, generator={"seconds": 0.02}, generators=3, devices=devices)
    assert set(parts.Counted.devices) == set(devices)
    # Three copies on two devices: the first has two of them.
    assert parts.Counted.devices.count("cuda:0") > parts.Counted.devices.count("cuda:1")


def test_more_devices_than_copies_are_an_error(bench):
    with pytest.raises(ConfigError, match="generators = 2"):
        bench.turn(PROMPTS, devices=["cuda:0", "cuda:1"])


def test_a_generator_that_has_no_device_cannot_be_given_one(bench):
    with pytest.raises(ConfigError, match="'seeded' has no option `device`"):
        bench.turn(PROMPTS, generator={"use": "seeded"}, devices=["cuda:0"])


def test_a_generator_paints_one_call_after_the_other_in_the_order_of_the_list(bench):
    prompts = [f"a sane thing {n}" for n in range(12)]
    bench.turn(prompts, generator={"seconds": 0.005})
    generator = bench.parts["generator"]
    assert generator.peak == 1
    assert [prompt for (prompt,) in generator.prompts] == prompts


def test_costs_are_told_of_the_run_they_were_for(bench):
    prompts = ["x" * n for n in (10, 20, 30)]
    bench.turn(prompts, critic={"at_once": 3})
    assert [run.usd for run in bench.store.runs()] == pytest.approx([0.02, 0.04, 0.06])
    ledger = {line.stage: line for line in bench.store.ledger()}
    assert list(ledger) == ["draft", "review", "retrieve", "generate", "compare"]
    assert ledger["review"].usd == pytest.approx(0.06)
    assert (ledger["review"].calls, ledger["review"].input_tokens) == (3, 60)
    assert ledger["draft"].calls == 0
    assert ledger["draft"].memory > 0


def test_rows_that_say_the_same_are_one_work(bench):
    turn = bench.turn(["thing", "other", "thing"])
    assert turn.counts.done == 3
    assert len([call for call in bench.parts["critic"].calls if call[0] == "compare"]) == 2
    first, _, third = bench.store.runs()
    assert first.key == third.key


def test_rows_have_seeds_sizes_images_and_collections_of_their_own(bench, more_pools, tmp_path):
    from PIL import Image

    more_pools("other", ["a photo of an emu"])
    Image.new("RGB", (9, 9), "red").save(tmp_path / "mine.png")
    rows = [
        {"prompt": "one", "seed": 7, "size": "12x10"},
        {"prompt": "two", "collection": "other"},
        {"prompt": "three", "images": [str(tmp_path / "mine.png")]},
    ]
    turn = bench.turn(rows)
    assert turn.counts.done == 3, [run.reason for run in bench.store.runs()]
    one, two, three = (stored.run for stored in bench.store.runs())
    assert (one.seed, one.size) == (7, (12, 10))
    assert two.config["collection"] == "other"
    assert [hit["caption"] for hit in two.rounds[0].lookups[0].hits] == ["a photo of an emu"]
    assert [used.origin for used in three.drafted.references] == ["user"]


def test_a_refused_key_ends_the_batch_and_fails_no_row(bench):
    turn = bench.turn(PROMPTS, critic={"locked": True})
    assert turn.exit_code == 5
    assert turn.counts.failed == 0
    assert turn.counts.pending == 7


def test_every_moment_is_told_with_its_row(bench):
    bench.turn(["thing", "a cursed thing"])
    told = {(e.kind, e.stage, e.run) for e in bench.events}
    assert {("started", "run", 1), ("finished", "run", 1), ("failed", "run", 2)} <= told
    assert {("started", "draft", 1), ("finished", "compare", 1), ("failed", "draft", 2)} <= told
    levels = {e.stage for e in bench.events if e.kind == "level"}
    assert levels == {"paint", "ask", "search", "fetch"}
    ends = [e for e in bench.events if (e.kind, e.stage) == ("advanced", "batch")]
    assert [(e.done, e.total) for e in ends] == [(1, 2), (2, 2)]


def test_models_that_do_not_fit_are_loaded_in_turn_for_each_window(bench, parts):
    counted = parts.Counted
    turn = bench.turn(
        [f"thing {n}" for n in range(24)],
        generator={"memory": 0.8},
        critic={"memory": 0.8},
        encoder="large",
        memory=1.0,
        window=8,
    )
    assert turn.exit_code == 0
    assert counted.most_alive == 1
    for kind in ("generator", "critic", "encoder"):
        # Three windows, each with two turns: draft and result, review and comparison. Windows
        # overlap by one; 48 would be one for each picture.
        assert counted.loads.count(kind) <= 8, counted.loads
    rows = bench.store.database.rows("SELECT component, event FROM loads ORDER BY number")
    assert [row[0] for row in rows if row[1] == "load"] == counted.loads


def test_models_that_fit_together_stay(bench, parts):
    bench.turn(PROMPTS, generator={"memory": 0.4}, critic={"memory": 0.4}, memory=1.0)
    assert sorted(parts.Counted.loads) == ["critic", "generator"]
