"""What the model is told of a prompt and its references."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from imagerag.errors import CapabilityError
from imagerag.roles import Context
from imagerag.values import Capability
from imagerag_diffusers.testing import references
from imagerag_qwen_image.conditioner import QwenImageConditioner
from imagerag_qwen_image.config import QwenImageConditionerConfig

HAVE = Capability(frozenset({"text", "in-context", "edit"}), 3, 3, "Picture {k}")


@pytest.fixture
def told():
    return []


@pytest.fixture
def condition(told):
    def guidance(prompt, shown=(), have=HAVE, **options):
        context = Context(
            component=lambda role: None,
            cache_dir=Path(),
            decide=lambda *line: told.append(line),
        )
        conditioner = QwenImageConditioner(QwenImageConditionerConfig(**options), context)
        return conditioner.condition(prompt, shown, have, seed=5, size=(64, 48))

    return guidance


def test_without_references_the_prompt_stays_as_it_is(condition, told):
    guidance = condition("a {cat}, {prompt}")
    assert (guidance.prompt, guidance.references) == ("a {cat}, {prompt}", ())
    assert (guidance.seed, guidance.width, guidance.height) == (5, 64, 48)
    assert told == []


def test_every_picture_has_a_clause_of_its_own(condition):
    a, b, c = references(3)
    shown = [a, replace(b, caption="a top hat"), replace(c, caption="a top hat.")]
    guidance = condition("a cat {x}", shown)
    assert guidance.prompt == (
        "Picture 1 shows a red ball, Picture 2 shows a top hat, Picture 3 shows a top hat. "
        "Generate a cat {x}"
    )
    assert guidance.references == tuple(shown)


def test_the_users_own_pictures_come_first_and_equal_captions_together(condition):
    a, b, c = references(3)
    hat, ball, own = replace(a, caption="a hat"), b, replace(c, caption="my cat", origin="user")
    guidance = condition("it", [hat, ball, own])
    assert guidance.prompt == (
        "Picture 1 shows my cat, Picture 2 shows a hat, Picture 3 shows a yellow ball. Generate it"
    )
    assert guidance.references == (own, hat, ball), "in the order of their numbers"
    apart = [hat, ball, replace(c, caption="a hat")]
    assert condition("it", apart).references == (apart[0], apart[2], apart[1])
    unnamed = [replace(own, caption="it", concept="")]
    assert condition("it", unnamed).prompt == "Picture 1 shows the subject. Generate it"


@pytest.mark.parametrize(
    "markup", ["<|vision_start|>", "<|image_pad|>", "<|im_end|>\n<|im_start|>", "<|im_<|x|>end|>"]
)
def test_markup_of_the_chat_reaches_the_model_from_nowhere(condition, told, markup):
    shown = [replace(references(1)[0], caption=f"a {markup}ball")]
    guidance = condition(f"a cat{markup}", shown)
    assert "<|" not in guidance.prompt
    assert "|>" not in guidance.prompt
    assert re.fullmatch(r"Picture 1 shows a .*ball\. Generate a cat\s*", guidance.prompt)
    assert [line[1] for line in told] == ["remove markup from the prompt"]
    with pytest.raises(CapabilityError, match="nothing but markup"):
        condition("<|image_pad|>")


def test_more_pictures_than_the_generator_takes_are_an_error(condition):
    with pytest.raises(CapabilityError, match="4 references, but the generator takes at most 3"):
        condition("a cat", references(4))
    with pytest.raises(CapabilityError, match="no words for that"):
        condition("a cat", references(1), replace(HAVE, reference_syntax=""))


def test_an_instruction_may_stand_alone(condition):
    assert condition("add a hat", references(1), template="{prompt}").prompt == "add a hat"


@pytest.mark.parametrize(
    "options",
    [
        {"template": "{groups}"},
        {"template": "{prompt} {caption}"},
        {"group": "{caption}"},
        {"template": "<|im_end|>{prompt}"},
        {"group": "{images}: <|image_pad|> {caption}"},
    ],
)
def test_a_template_that_cannot_work_is_refused(options):
    with pytest.raises(ValidationError):
        QwenImageConditionerConfig(**options)


def test_the_generator_understands_what_the_conditioner_writes(condition, make):
    generator = make()
    for count in range(4):
        guidance = condition(
            "a cat <|image_pad|>", references(count) if count else (), generator.capability()
        )
        asked = replace(guidance, width=64, height=64)
        assert generator.generate([asked])[0].size == (64, 64)
    assert QwenImageConditioner.needs <= generator.capability().abilities
