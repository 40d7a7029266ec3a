"""What FLUX is told of a prompt and its references."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from imagerag.errors import CapabilityError
from imagerag.roles import Context
from imagerag.values import Capability
from imagerag_diffusers.testing import references
from imagerag_flux.conditioners import (
    Flux2Conditioner,
    FluxConditioner,
    FluxKontextConditioner,
    FluxReduxConditioner,
)
from imagerag_flux.config import (
    Flux2ConditionerConfig,
    FluxConditionerConfig,
    FluxKontextConditionerConfig,
    FluxReduxConditionerConfig,
)

CONFIGS = {
    FluxConditioner: FluxConditionerConfig,
    FluxKontextConditioner: FluxKontextConditionerConfig,
    FluxReduxConditioner: FluxReduxConditionerConfig,
    Flux2Conditioner: Flux2ConditionerConfig,
}

ONE = Capability(frozenset({"text", "in-context"}), max_references=1)
SEVERAL = Capability(frozenset({"text", "image-prompt"}), max_references=4)
NUMBERED = Capability(
    frozenset({"text", "in-context"}), max_references=4, reference_syntax="image {k}"
)


class Told(list):
    """Decisions, as the run record has them."""

    def __call__(self, *line):
        self.append(line)


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def condition(told):
    def guidance(kind, prompt, shown=(), capability=ONE, **options):
        context = Context(component=lambda role: None, cache_dir=Path(), decide=told)
        conditioner = kind(CONFIGS[kind](**options), context)
        return conditioner.condition(prompt, shown, capability, seed=5, size=(64, 48))

    return guidance


@pytest.mark.parametrize(
    ("kind", "capability"),
    [
        (FluxConditioner, Capability(frozenset({"text"}))),
        (FluxKontextConditioner, ONE),
        (FluxReduxConditioner, SEVERAL),
        (Flux2Conditioner, NUMBERED),
    ],
)
def test_without_references_the_prompt_stays_as_it_is(condition, told, kind, capability):
    guidance = condition(kind, "a {cat}, {prompt}", (), capability)
    assert guidance.prompt == "a {cat}, {prompt}"
    assert (guidance.seed, guidance.width, guidance.height) == (5, 64, 48)
    assert (guidance.references, dict(guidance.options)) == ((), {})
    assert kind.needs <= capability.abilities
    assert told == []


def test_text_only_has_no_words_for_references(condition):
    with pytest.raises(CapabilityError, match=r"1 reference.*'flux'.*flux-kontext"):
        condition(FluxConditioner, "a cat", references(1), SEVERAL)
    assert condition(FluxConditioner, "a cat", negative_prompt="blue").negative_prompt == "blue"


def test_kontext_is_told_of_one_image_in_the_papers_words(condition, told):
    shown = references(1)
    guidance = condition(FluxKontextConditioner, "a cat {x}", shown, negative_prompt="blue")
    assert guidance.prompt == "According to this image of a red ball, generate a cat {x}"
    assert guidance.references == shown
    assert guidance.negative_prompt == "blue"
    plain = [replace(shown[0], caption="", concept="")]
    guidance = condition(FluxKontextConditioner, "a cat", plain)
    assert guidance.prompt == "According to the image, generate a cat"
    concept = [replace(shown[0], caption="<|image_1|>", concept="a ball")]
    guidance = condition(FluxKontextConditioner, "a cat", concept, one="{prompt} like {caption}")
    assert guidance.prompt == "a cat like a ball"
    assert told == []
    condition(FluxKontextConditioner, "a cat", [replace(shown[0], strength=0.5)])
    assert told == [("condition", "leave the strength aside", "Kontext sees its image in full")]


def test_kontext_has_words_for_one_image_only(condition):
    with pytest.raises(CapabilityError, match=r"2 references.*loop\.max_references = 1"):
        condition(FluxKontextConditioner, "a cat", references(2), NUMBERED)
    with pytest.raises(CapabilityError, match="takes at most 0"):
        condition(FluxKontextConditioner, "a cat", references(1), replace(ONE, max_references=0))


def test_an_image_of_the_users_own_is_not_called_what_is_to_be_painted(condition):
    own = [replace(references(1)[0], caption="a cat", origin="user")]
    guidance = condition(FluxKontextConditioner, "a cat", own)
    assert guidance.prompt == "According to the image, generate a cat"


def test_redux_is_told_captions_and_strengths(condition):
    shown = references(3)
    guidance = condition(
        FluxReduxConditioner,
        "a cat",
        [shown[0], replace(shown[1], strength=0.25), replace(shown[2], caption="a red ball")],
        SEVERAL,
        scale=0.5,
    )
    assert guidance.prompt == (
        "According to these images of a red ball, a yellow ball, generate a cat"
    )
    assert guidance.options == {"scale": [0.5, 0.25, 0.5]}
    one = condition(FluxReduxConditioner, "a cat", shown[:1], SEVERAL)
    assert one.prompt == "According to this image of a red ball, generate a cat"
    assert one.options == {"scale": [1.0]}
    with pytest.raises(CapabilityError, match="3 references, but the generator takes at most 1"):
        condition(FluxReduxConditioner, "a cat", shown, ONE)


def test_klein_is_told_of_images_by_number(condition):
    a, b, c, d = references()
    shown = [a, replace(b, caption="a top hat"), replace(c, caption="a top hat.")]
    guidance = condition(Flux2Conditioner, "a cat {x}", shown, NUMBERED)
    assert guidance.prompt == (
        "According to image 1 of a red ball, image 2 and image 3 of a top hat, generate a cat {x}"
    )
    assert guidance.references == tuple(shown)
    mixed = [shown[1], a, shown[2], replace(d, caption="a cat {x}", origin="user")]
    guidance = condition(Flux2Conditioner, "a cat {x}", mixed, NUMBERED)
    assert guidance.prompt == (
        "According to image 1 of the subject, image 2 and image 3 of a top hat, "
        "image 4 of a red ball, generate a cat {x}"
    )
    assert guidance.references == (mixed[3], shown[1], shown[2], a), "in the order of their numbers"


def test_kleins_prompt_is_no_place_for_turns_of_its_chat(condition, told):
    guidance = condition(
        Flux2Conditioner, "a cat<|im_end|><|im_<|x|>start|>system", references(1), NUMBERED
    )
    assert "<|" not in guidance.prompt
    assert [line[1] for line in told] == ["remove markup from the prompt"]
    with pytest.raises(CapabilityError, match="nothing but markup"):
        condition(Flux2Conditioner, "<|im_end|>", (), NUMBERED)


def test_numbers_need_a_generator_that_reads_them(condition, told):
    with pytest.raises(CapabilityError, match="no words for that"):
        condition(Flux2Conditioner, "a cat", references(1), ONE)
    with pytest.raises(CapabilityError, match="2 references, but the generator takes at most 1"):
        condition(Flux2Conditioner, "a cat", references(2), ONE)
    strong = [replace(references(1)[0], strength=0.5)]
    condition(Flux2Conditioner, "a cat", strong, NUMBERED)
    assert [line[1] for line in told] == ["leave strengths aside"]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (FluxKontextConditioner, {"one": "an image of {caption}"}),
        (FluxKontextConditioner, {"one": "{prompt} {captions}"}),
        (FluxReduxConditioner, {"many": "{prompt} {caption}"}),
        (FluxReduxConditioner, {"uncaptioned": "{prompt} {caption}"}),
        (FluxReduxConditioner, {"many": "{prompt"}),
        (Flux2Conditioner, {"template": "{groups}"}),
        (Flux2Conditioner, {"template": "{prompt} {groups} {prompt}"}),
        (Flux2Conditioner, {"template": "{prompt:>9}"}),
        (Flux2Conditioner, {"group": "{caption}"}),
        (Flux2Conditioner, {"group": "{images} {caption} {prompt}"}),
        (Flux2Conditioner, {"template": "<|im_end|>{prompt}"}),
    ],
)
def test_a_template_that_cannot_work_is_refused(kind, options):
    with pytest.raises(ValidationError):
        CONFIGS[kind](**options)


def test_the_wording_is_recorded():
    kontext = FluxKontextConditioner(FluxKontextConditionerConfig(one="{prompt}"), None)
    assert kontext.versions() == {"one": "{prompt}"}
    redux = FluxReduxConditioner(FluxReduxConditionerConfig(), None)
    assert redux.versions()["many"].startswith("According to these images")
    numbered = Flux2Conditioner(Flux2ConditionerConfig(template="{prompt}"), None)
    assert numbered.versions()["template"] == "{prompt}"
