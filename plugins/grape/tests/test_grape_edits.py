"""Generate, plan, edit: each edit reaches the editor, in turn, on the picture so far."""

from __future__ import annotations

import pytest

from imagerag.errors import CapabilityError
from imagerag.values import Guidance


def pictures(rag, *guidances):
    return [p.tobytes() for p in rag.session.generator.generate(list(guidances))]


def test_a_picture_without_faults_is_the_painter_s(rag):
    one = rag("")
    [picture] = one.session.generator.generate([Guidance("a hat", 3)])
    [bare] = one.session.generator.painter.generate([Guidance("a hat", 3)])
    assert picture.tobytes() == bare.tobytes()
    assert picture.mode == "RGB"


def test_edits_are_carried_out_one_by_one_on_the_picture_so_far(rag):
    one = rag("add a hat; make it red; add a cat")
    generator = one.session.generator
    [last] = generator.generate([Guidance("a cat in a red hat", 3)])
    painted, *edits = generator.editor.calls
    assert [g.prompt for [g] in edits] == ["add a hat", "make it red", "add a cat"]
    shown = [g.references[0].image.tobytes() for [g] in edits]
    [first] = generator.painter.generate([*painted])
    assert shown[0] == first.tobytes()
    assert len({*shown, last.tobytes()}) == 4, "every edit changes the picture"
    assert all(len(g.references) == 1 and g.references[0].origin == "user" for [g] in edits)


def test_the_order_of_edits_shows(rag):
    a, b = rag("add a hat; make it red"), rag("make it red; add a hat")
    assert pictures(a, Guidance("a hat", 3)) != pictures(b, Guidance("a hat", 3))


def test_the_planner_sees_the_painted_picture_and_the_prompt(rag):
    one = rag("add a hat")
    generator = one.session.generator
    generator.generate([Guidance("a cat in a hat", 3)])
    [bare] = generator.painter.generate([Guidance("a cat in a hat", 3)])
    assert one.session.critic.calls == [(bare.tobytes(), "a cat in a hat", 0.0)]


def test_another_seed_or_prompt_makes_another_picture_and_a_repetition_the_same(rag):
    def paint(prompt, seed):
        return pictures(rag("add a hat"), Guidance(prompt, seed))

    assert paint("a cat", 1) == paint("a cat", 1)
    assert paint("a cat", 1) != paint("a cat", 2)
    assert paint("a cat", 1) != paint("a dog", 1)


def test_every_edit_has_the_seed_of_the_picture(rag):
    one = rag("add a hat; make it red")
    one.session.generator.generate([Guidance("a cat", 41)])
    assert [g.seed for [g] in one.session.generator.editor.calls] == [41, 41, 41]


def test_a_batch_is_painted_at_once_and_edited_together(rag):
    one = rag("add a hat; make it red", "", "add a cat")
    guidances = [Guidance(f"picture {number}", number) for number in range(3)]
    generator = one.session.generator
    together = generator.generate(guidances)
    prompts = [[g.prompt for g in call] for call in generator.editor.calls]
    assert prompts == [
        ["picture 0", "picture 1", "picture 2"],
        ["add a hat", "add a cat"],
        ["make it red"],
    ]
    alone = [
        rag(plan).session.generator.generate([guidance])[0]
        for plan, guidance in zip(
            ["add a hat; make it red", "", "add a cat"], guidances, strict=True
        )
    ]
    assert [p.tobytes() for p in together] == [p.tobytes() for p in alone]


def test_no_guidance_is_no_picture(rag):
    one = rag("add a hat")
    assert one.session.generator.generate([]) == []
    assert one.session.critic.calls == []


def test_a_second_round_plans_again_on_the_edited_picture(rag):
    one = rag("add a hat", "make it red", "never asked", rounds=2)
    generator = one.session.generator
    generator.generate([Guidance("a red hat", 3)])
    assert [g.prompt for [g] in generator.editor.calls[1:]] == ["add a hat", "make it red"]
    (first, *_), (second, *_) = one.session.critic.calls
    assert second != first


def test_a_round_that_finds_nothing_is_the_last(rag):
    one = rag("add a hat", "", "make it red", rounds=5)
    one.session.generator.generate([Guidance("a hat", 3)])
    assert len(one.session.critic.calls) == 2


def test_edits_beyond_the_limit_are_left_out(rag):
    one = rag("a; b; c; d", edits=2)
    one.session.generator.generate([Guidance("a hat", 3)])
    assert [g.prompt for [g] in one.session.generator.editor.calls[1:]] == ["a", "b"]


@pytest.mark.parametrize(("better", "kept"), [("a", False), ("tie", False), ("b", True)])
def test_best_keeps_the_better_picture(rag, better, kept):
    critic = {"use": "planner", "plans": ["add a hat"], "better": [better]}
    one = rag(critic=critic, keep="best")
    [picture] = one.session.generator.generate([Guidance("a hat", 3)])
    [edited] = rag("add a hat").session.generator.generate([Guidance("a hat", 3)])
    [bare] = one.session.generator.painter.generate([Guidance("a hat", 3)])
    assert picture.tobytes() == (edited if kept else bare).tobytes()
    assert picture.info["imagerag"] == {"edits": ["add a hat"] if kept else []}


def test_best_ends_with_the_first_round_that_was_no_better(rag):
    critic = {"use": "planner", "plans": ["a; b", "c"], "better": ["b", "a"]}
    one = rag(critic=critic, keep="best", rounds=5)
    [picture] = one.session.generator.generate([Guidance("a hat", 3)])
    assert picture.info["imagerag"] == {"edits": ["a", "b"]}
    assert len(one.session.critic.calls) == 2
    [two] = rag("a; b").session.generator.generate([Guidance("a hat", 3)])
    assert picture.tobytes() == two.tobytes()


def test_where_nothing_was_edited_nothing_is_compared(rag):
    one = rag("a", "", keep="best", rounds=3)
    one.session.generator.generate([Guidance("a hat", 3)])
    assert one.session.critic.compared == 1


def test_an_edit_that_fails_is_named(rag):
    one = rag("add a hat; make a moose", editor={"use": "patching", "refuse": "moose"})
    with pytest.raises(
        CapabilityError, match=r"edit 2 of 2: 'make a moose': the editor 'patching'.*no 'moose'"
    ):
        one.session.generator.generate([Guidance("a hat", 3)])


def test_what_the_painter_refuses_is_the_painter_s_error(rag):
    one = rag("add a hat", painter={"use": "patching", "refuse": "moose"})
    with pytest.raises(CapabilityError, match=r"^no 'moose'"):
        one.session.generator.generate([Guidance("a moose", 3)])
    assert one.session.critic.calls == []


def test_guidance_that_names_its_edits_asks_no_planner(rag):
    planned, given = rag("add a hat; make it red"), rag("never asked")
    [first] = planned.session.generator.generate([Guidance("a hat", 3)])
    options = first.info["imagerag"]
    assert options == {"edits": ["add a hat", "make it red"]}
    again, bare = given.session.generator.generate(
        [Guidance("a hat", 3, options=options), Guidance("a hat", 3, options={"edits": []})]
    )
    assert again.tobytes() == first.tobytes()
    assert bare.tobytes() != first.tobytes()
    assert given.session.critic.calls == []


@pytest.mark.parametrize("edits", ["add a hat", [1], [""], [["add a hat"]], {"a": 1}])
def test_edits_of_another_form_are_refused_before_anything_is_painted(rag, edits):
    one = rag("add a hat")
    with pytest.raises(CapabilityError, match="'edits' of a guidance for 'grape' is a list"):
        one.session.generator.generate([Guidance("a hat", 3, options={"edits": edits})])
    with pytest.raises(CapabilityError, match="'prompt' of a guidance for 'grape'"):
        one.session.generator.generate([Guidance("a hat", 3, options={"prompt": 3})])
    assert one.session.generator.editor.calls == []


def test_the_painter_s_own_picture_is_left_alone(rag, monkeypatch):
    one = rag("")
    painted = []
    paint = one.session.generator.painter.generate
    monkeypatch.setattr(
        one.session.generator.painter, "generate", lambda g: painted.extend(paint(g)) or painted
    )
    [picture] = one.session.generator.generate([Guidance("a hat", 3)])
    assert "imagerag" in picture.info
    assert "imagerag" not in painted[0].info
