"""The conditioner: the prompt as it is, its neighbours in their order, and how many there are."""

from __future__ import annotations

import pytest

from imagerag.errors import CapabilityError
from imagerag.roles import Context
from imagerag.values import Capability
from imagerag_rdm.conditioner import RDMConditioner
from imagerag_rdm.config import RDMConditionerConfig

HAVE = Capability(frozenset({"text", "image-prompt"}), max_references=20)


@pytest.fixture
def told():
    """What was decided: (stage, decision, reason)."""
    return []


@pytest.fixture
def condition(told, tmp_path):
    """Condition a prompt."""

    def build(*shown, prompt="a {hedgehog} <img>", capability=HAVE, size=None, **options):
        context = Context(
            component=pytest.fail,
            cache_dir=tmp_path,
            decide=lambda stage, decision, reason: told.append((stage, decision, reason)),
        )
        conditioner = RDMConditioner(RDMConditionerConfig(**options), context)
        return conditioner.condition(prompt, shown, capability, seed=7, size=size)

    return build


def test_prompt_and_neighbours_are_handed_over_as_they_are(condition, neighbours):
    guidance = condition(*neighbours, size=(64, 96))
    assert guidance.prompt == "a {hedgehog} <img>"
    assert guidance.references == neighbours
    assert (guidance.seed, guidance.width, guidance.height) == (7, 64, 96)
    assert (guidance.negative_prompt, dict(guidance.options)) == (None, {})


@pytest.mark.parametrize(("count", "said"), [(1, "show 1 neighbour"), (12, "show 12 neighbours")])
def test_how_many_there_are_is_written_down(condition, told, neighbours, count, said):
    condition(*neighbours[:count])
    assert told == [("condition", said, "each as one CLIP embedding; at most 20 fit")]


def test_without_neighbours_there_is_nothing_to_say(condition, told):
    assert condition().references == ()
    assert told == []


def test_strengths_are_not_passed_over_in_silence(condition, told, neighbours):
    from dataclasses import replace

    condition(replace(neighbours[0], strength=0.3))
    assert told[-1][1:] == (
        "leave the references' strengths out",
        "this model attends to all of its neighbours alike",
    )


def test_too_many_are_refused(condition, neighbours):
    with pytest.raises(CapabilityError, match=r"21 references.*at most 20.*raise its k"):
        condition(*neighbours, neighbours[0])


def test_whether_the_prompt_joins_in_can_be_said_here(condition, neighbours):
    assert dict(condition(neighbours[0], query="none").options) == {"query": "none"}


def test_guidance_from_the_conditioner_is_understood_by_the_generator(condition, make, neighbours):
    generator = make()
    assert RDMConditioner.needs <= generator.capability().abilities
    for count in (0, 1, 20):
        for options in ({}, {"query": "none"}):
            guidance = condition(*neighbours[:count], prompt="a cat", **options)
            assert generator.generate([guidance])[0].size == (64, 64)
