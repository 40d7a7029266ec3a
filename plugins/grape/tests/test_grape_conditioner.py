"""The conditioner: the painter's words, and the user's own prompt for the planner."""

from __future__ import annotations

import pytest
from PIL import Image

from imagerag import Session
from imagerag.errors import CapabilityError
from imagerag.values import Capability, Reference

IN_CONTEXT = Capability(frozenset({"text", "in-context"}), max_references=2)


@pytest.fixture
def condition(plugins, configuration):
    """Condition a prompt with references, by the configured conditioner."""

    def build(count=0, capability=IN_CONTEXT, size=None, **options):
        values = configuration("") | {"conditioner": {"use": "grape", **options}}
        references = [
            Reference(Image.new("RGB", (4, 4)), f"picture {number}") for number in range(count)
        ]
        with Session.from_config(values, registry=plugins) as session:
            return session.conditioner.condition("a hat", references, capability, seed=7, size=size)

    return build


def test_without_another_the_prompt_stays_and_references_keep_their_order(condition):
    guidance = condition(2, size=(64, 32))
    assert (guidance.prompt, guidance.seed, dict(guidance.options)) == ("a hat", 7, {})
    assert [r.caption for r in guidance.references] == ["picture 0", "picture 1"]
    assert (guidance.width, guidance.height) == (64, 32)


def test_another_words_the_guidance_and_the_bare_prompt_goes_beside_it(condition):
    guidance = condition(1, painter={"use": "wordy"})
    assert guidance.prompt == "Please: a hat"
    assert dict(guidance.options) == {"strength": 1, "prompt": "a hat"}


def test_a_wording_that_changes_nothing_is_handed_on_as_it_is(condition):
    assert dict(condition(1, painter={"use": "wordy", "before": ""}).options) == {"strength": 1}


def test_too_many_references_are_refused(condition):
    for options in ({}, {"painter": {"use": "wordy"}}):
        with pytest.raises(CapabilityError, match=r"3 references.*at most 2"):
            condition(3, **options)


def test_a_wording_the_painter_does_not_understand_is_an_error(condition):
    have = Capability(frozenset({"text"}), max_references=2)
    with pytest.raises(CapabilityError, match=r"'wordy' inside 'grape' needs \['in-context'\]"):
        condition(1, have, painter={"use": "wordy"})


def test_the_planner_hears_the_user_s_prompt_and_the_painter_its_own(rag, plugins, configuration):
    from imagerag import ImageRAG

    painter = {"use": "patching", "abilities": ["text", "in-context"], "max_references": 1}
    values = configuration("add a hat", painter=painter)
    values["conditioner"] = {"use": "grape", "painter": {"use": "wordy"}}
    with ImageRAG.from_config(values, registry=plugins, progress=False) as one:
        run = one.generate("a cat in a hat", seed=3)
        [painted] = one.session.generator.editor.calls[0]
        [(_, heard, _)] = one.session.critic.calls
    assert painted.prompt == "Please: a cat in a hat"
    assert dict(painted.options) == {"strength": 1}, "what is the strategy's own is not handed on"
    assert heard == "a cat in a hat"
    assert run.drafted.options == {
        "strength": 1,
        "prompt": "a cat in a hat",
        "edits": ["add a hat"],
    }


def test_of_a_foreign_wording_the_planner_hears_no_markup(rag):
    from imagerag.values import Guidance

    one = rag("")
    one.session.generator.generate([Guidance("by <img><|image_1|></img>, a hat", 3)])
    [(_, heard, _)] = one.session.critic.calls
    assert heard == "by , a hat"
