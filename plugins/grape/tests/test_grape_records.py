"""What a run keeps: every plan and edit with its pictures' digests, costs, versions; and replay."""

from __future__ import annotations

import re

from imagerag import read, replay, save
from imagerag.record import png_bytes
from imagerag.values import Comparison, Guidance

SHA = r"[0-9a-f]{64}"


def test_every_step_is_a_decision_with_the_digest_of_its_picture(rag, told):
    run = rag("add a hat; make it red").generate("a red hat", seed=3)
    plan, first, second = told(run)
    seen = re.fullmatch(rf"plan 2 edits \| the planner saw picture sha256 ({SHA})", plan)
    one = re.fullmatch(rf"edit 1 of 2: 'add a hat' \| picture sha256 ({SHA}) → ({SHA})", first)
    two = re.fullmatch(rf"edit 2 of 2: 'make it red' \| picture sha256 ({SHA}) → ({SHA})", second)
    assert seen[1] == one[1]
    assert one[2] == two[1]
    assert two[2] == run.drafted.pixels_sha256


def test_the_first_digest_is_that_of_the_painter_s_picture(rag, told):
    bare = rag("").generate("a red hat", seed=3)
    run = rag("add a hat").generate("a red hat", seed=3)
    assert bare.drafted.pixels_sha256 in told(run)[0]


def test_what_was_left_out_is_recorded(rag, told):
    run = rag("a; b; c", edits=1).generate("a hat", seed=3)
    assert told(run)[1] == "leave out 2 edits | edits = 1; left out: 'b', 'c'"


def test_the_choice_of_the_better_is_recorded(rag, told):
    critic = {"use": "planner", "plans": ["add a hat"], "better": ["a"]}
    run = rag(critic=critic, keep="best").generate("a hat", seed=3)
    assert re.fullmatch(
        rf"keep the picture before these edits \| the planner finds the edited one worse; "
        rf"picture sha256 {run.drafted.pixels_sha256}",
        told(run)[-1],
    )
    critic["better"] = ["b"]
    run = rag(critic=critic, keep="best").generate("a hat", seed=3)
    assert told(run)[-1] == "keep the edited picture | the planner finds it better"


def test_pictures_of_a_batch_are_told_apart(rag):
    one = rag("add a hat", "")
    one.session.generator.generate([Guidance("a hat", 3), Guidance("a cat", 4)])
    decisions = [line.decision for line in one.session.account.decisions]
    assert decisions == [
        "picture 1 of 2: plan 1 edit",
        "picture 2 of 2: keep the picture",
        "picture 1 of 2: edit 1 of 1: 'add a hat'",
    ]


def test_the_planner_s_calls_are_in_the_ledger(rag):
    run = rag("refused", "add a hat").generate("a hat", seed=3)
    assert [(u.component, u.call, u.outcome) for u in run.ledger] == [
        ("critic planner", "edits", "refused"),
        ("critic planner", "edits", "add a hat"),
    ]


def test_versions_and_configuration_name_every_part(rag):
    editor = {"use": "patching", "max_references": 1}
    run = rag("", painter={"use": "seeded"}, editor=editor).generate("a hat", seed=3)
    assert run.versions["generator.painter"] == "seeded"
    assert run.versions["generator.editor"] == "patching"
    assert run.versions["generator.planner"] == "Planner"
    assert run.versions["generator.editor[0].model"] == "patches 1"
    assert run.config["generator"]["painter"]["width"] == 8
    assert run.config["generator"]["editor"]["syntax"] == ""


def test_a_saved_run_reads_back_and_its_picture_carries_no_more_than_the_record(rag, tmp_path):
    run = rag("add a hat").generate("a hat", seed=3)
    path = save(run, tmp_path / "hat.png")
    again = read(path)
    assert again.decisions == run.decisions
    assert run.image.info["imagerag"] == {"edits": ["add a hat"]}
    assert png_bytes(run.image, None) == png_bytes(run.image.copy(), None)
    assert b"add a hat" not in png_bytes(run.image, None)


def test_a_replay_gives_the_same_picture_where_the_planner_answers_the_same(rag, plugins, tmp_path):
    run = rag("add a hat; make it red").generate("a hat", seed=3)
    repeated = replay(read(save(run, tmp_path / "hat.png")), registry=plugins)
    assert repeated.identical
    assert repeated.run.image.tobytes() == run.image.tobytes()


def test_the_recorded_edits_repeat_a_picture_whatever_the_planner_says_now(rag):
    first = rag("add a hat", "make it red", rounds=2)
    run = first.generate("a hat", seed=3)
    edits = run.image.info["imagerag"]["edits"]
    assert edits == re.findall(
        r"edit 1 of 1: '([^']+)'", " ".join(d.decision for d in run.decisions)
    )
    other = rag("make it blue")
    [again] = other.session.generator.generate([Guidance("a hat", 3, options={"edits": edits})])
    assert again.tobytes() == run.image.tobytes()
    assert other.session.critic.calls == []
    lines = [f"{d.decision} | {d.reason}" for d in other.session.account.decisions]
    assert lines[0] == "carry out 2 edits | the guidance itself names them"
    assert lines[1].startswith("edit 1 of 2: 'add a hat' | ")


def test_a_comparison_without_an_answer_says_so(rag, told, monkeypatch):
    from grape_doubles.parts import Planner

    nothing = Comparison("tie", note="no usable answer: \x1b[31munavailable")
    monkeypatch.setattr(Planner, "compare", lambda self, prompt, a, b: nothing)
    run = rag("add a hat", keep="best").generate("a hat", seed=3)
    assert "finds the edited one no better (no usable answer: [31munavailable);" in told(run)[-1]


def test_a_replay_asks_no_remote_planner_and_finds_nothing_changed(rag, plugins, tmp_path):
    run = rag(critic={"use": "away-planner", "plans": ["add a hat"]}).generate("a hat", seed=3)
    repeated = replay(read(save(run, tmp_path / "hat.png")), registry=plugins)
    assert repeated.identical
    assert repeated.changed_versions == ()
