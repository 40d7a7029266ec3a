"""The planner's answers: edits, reviews, trouble, and texts that are data."""

from __future__ import annotations

import pytest

from imagerag.values import Guidance

TROUBLE = ["refused", "filtered", "truncated", "malformed"]


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_is_asked_again_at_a_rising_temperature(rag, trouble, told):
    one = rag(trouble, trouble, "add a hat")
    run = one.generate("a hat", seed=3)
    assert [t for _, _, t in one.session.critic.calls] == [0.0, 0.4, 0.8]
    assert "edit 1 of 1: 'add a hat'" in told(run)[1]


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_to_the_end_keeps_the_picture_and_says_so(rag, trouble, told):
    one = rag(trouble)
    run = one.generate("a hat", seed=3)
    [bare] = one.session.generator.painter.generate([Guidance("a hat", 3)])
    assert run.image.tobytes() == bare.tobytes()
    kinds = ", ".join([trouble] * 3)
    assert told(run) == [
        f"keep the picture | no usable plan in 3 tries ({kinds}): scripted {trouble}"
    ]


def test_an_unavailable_planner_is_not_asked_again(rag, told):
    one = rag("refused", "unavailable", "add a hat")
    run = one.generate("a hat", seed=3)
    assert len(one.session.critic.calls) == 2
    assert told(run) == [
        "keep the picture | no usable plan in 2 tries (refused, unavailable): scripted unavailable"
    ]


def test_tries_and_step_are_configurable(rag, told):
    one = rag("refused", retries=2, temperature_step=0.25)
    run = one.generate("a hat", seed=3)
    assert [t for _, _, t in one.session.critic.calls] == [0.0, 0.25]
    one = rag("refused", retries=1)
    run = one.generate("a hat", seed=3)
    assert told(run) == ["keep the picture | no usable plan in one try (refused): scripted refused"]


def test_each_round_has_its_own_tries(rag):
    one = rag("refused", "add a hat", "refused", "make it red", rounds=2)
    one.generate("a hat", seed=3)
    assert [t for _, _, t in one.session.critic.calls] == [0.0, 0.4, 0.0, 0.4]


def test_a_critic_without_edits_is_asked_for_a_review(rag):
    critic = {"use": "reviewer", "missing": [["hat", "a red hat"], ["cat", "a cat"]]}
    one = rag(critic=critic)
    one.generate("a cat in a hat", seed=3)
    editor = one.session.generator.editor
    assert [g.prompt for [g] in editor.calls[1:]] == ["add a red hat", "add a cat"]
    one = rag(critic=critic, missing="put in {name}, as {caption}")
    one.generate("a cat in a hat", seed=3)
    assert one.session.generator.editor.calls[1][0].prompt == "put in hat, as a red hat"


def test_a_review_without_faults_changes_nothing(rag, told):
    run = rag(critic={"use": "reviewer"}).generate("a hat", seed=3)
    assert told(run) == ["keep the picture | the planner finds nothing to change: all there"]


@pytest.mark.parametrize(
    ("answer", "instruction"),
    [
        ("add a <img><|image_1|></img> hat", "add a hat"),
        ("add\na\that\u202e", "add a hat"),
        ("{image} {instruction} {0.__class__}", "{image} {instruction} {0.__class__}"),
        ("x" * 5000, "x" * 300),
    ],
)
@pytest.mark.parametrize("syntax", ["", "<img><|image_{k}|></img>"])
def test_instructions_are_data(rag, answer, instruction, syntax):
    one = rag(answer, painter={"use": "patching", "max_references": 1, "syntax": syntax})
    one.generate("a hat", seed=3)
    image = "<img><|image_1|></img> " if syntax else ""
    assert one.session.generator.editor.calls[1][0].prompt == image + instruction


def test_a_concept_s_braces_are_data_too(rag):
    critic = {"use": "reviewer", "missing": [["hat", "a {name} <img> {0}"]]}
    one = rag(critic=critic)
    one.generate("a hat", seed=3)
    assert one.session.generator.editor.calls[1][0].prompt == "add a {name} {0}"


def test_an_answer_with_nothing_left_after_cleaning_is_malformed(rag, told):
    one = rag("<img>", "add a hat")
    run = one.generate("a hat", seed=3)
    assert [t for _, _, t in one.session.critic.calls] == [0.0, 0.4]
    assert "plan 1 edit" in told(run)[0]
    run = rag("<img>", retries=1).generate("a hat", seed=3)
    assert told(run) == [
        "keep the picture | no usable plan in one try (malformed): no instruction was left after "
        "cleaning"
    ]
