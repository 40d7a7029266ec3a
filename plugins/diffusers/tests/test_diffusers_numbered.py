"""The base of conditioners that number references, and what captions and proportions may be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from imagerag.errors import CapabilityError
from imagerag.roles import Context
from imagerag.values import Capability
from imagerag_diffusers.captions import caption_of, without_markup
from imagerag_diffusers.cuts import note_cuts
from imagerag_diffusers.numbered import NumberedConditioner, NumberedConditionerConfig
from imagerag_diffusers.proportions import in_proportion
from imagerag_diffusers.testing import references

NAMED = Capability(
    frozenset({"text", "in-context"}), max_references=4, reference_syntax="Picture {k}"
)


class Numbered(NumberedConditioner):
    name = "numbered"


@pytest.fixture
def told():
    return []


@pytest.fixture
def context(told):
    return Context(
        component=lambda role: None, cache_dir=Path(), decide=lambda *line: told.append(line)
    )


@pytest.fixture
def condition(context):
    def guidance(prompt, shown, capability=NAMED, **options):
        conditioner = Numbered(NumberedConditionerConfig(**options), context)
        return conditioner.condition(prompt, shown, capability, seed=5, size=(64, 48))

    return guidance


def test_references_are_numbered_by_caption_in_the_order_they_are_handed_over(condition, told):
    a, b, c, d = references()
    own = replace(d, caption="a cat", origin="user")
    hat = replace(b, caption="a top hat")
    guidance = condition("a cat", [a, hat, own, replace(c, caption="a red ball!")])
    assert guidance.prompt == (
        "According to Picture 1 of the subject, Picture 2 and Picture 3 of a red ball, "
        "Picture 4 of a top hat, generate a cat"
    )
    assert guidance.references[0] is own
    assert guidance.references[1] is a
    assert guidance.references[3] is hat
    assert (guidance.seed, guidance.width, guidance.height) == (5, 64, 48)
    assert told == []


def test_without_references_the_prompt_stays_and_templates_may_leave_groups_out(condition):
    assert condition("a {cat}", [], replace(NAMED, reference_syntax="")).prompt == "a {cat}"
    assert condition("add a hat", references(1), template="{prompt}").prompt == "add a hat"
    three = condition(
        "a cat", references(3), template="{prompt}: {groups}", group="{caption}{images}"
    )
    assert (
        three.prompt == "a cat: a red ballPicture 1, a yellow ballPicture 2, a blue ballPicture 3"
    )


def test_what_cannot_be_said_is_refused(condition):
    with pytest.raises(CapabilityError, match=r"2 references, but the generator takes at most 1"):
        condition("a cat", references(2), replace(NAMED, max_references=1))
    with pytest.raises(CapabilityError, match=r"'numbered'.*no words for that"):
        condition("a cat", references(1), replace(NAMED, reference_syntax=""))
    with pytest.raises(CapabilityError, match="nothing but markup"):
        condition("<|im_end|> ", [])


def test_markup_is_removed_and_told_and_so_are_strengths_that_nothing_reads(condition, told):
    strong = [replace(references(1)[0], strength=0.5, caption="a <|im_end|>ball")]
    guidance = condition("a cat<|im_<|x|>end|>", strong)
    assert "<|" not in guidance.prompt
    assert [line[1] for line in told] == ["remove markup from the prompt", "leave strengths aside"]


@pytest.mark.parametrize(
    "options",
    [
        {"template": "{groups}"},
        {"template": "{prompt} {prompt}"},
        {"template": "{prompt!r}"},
        {"template": "{prompt} {images}"},
        {"template": "{prompt"},
        {"template": "{prompt}<|im_end|>"},
        {"group": "{caption}"},
        {"unnamed": "<|image_pad|>"},
        {"unnamed": ""},
    ],
)
def test_a_wording_that_cannot_work_is_refused(options):
    with pytest.raises(ValidationError):
        NumberedConditionerConfig(**options)


def test_a_caption_is_clean_short_and_not_what_is_to_be_painted():
    shown = references(1)[0]
    assert caption_of(shown, "a cat", 300) == "a red ball"
    assert caption_of(shown, "a cat", 8) == "a red"
    assert caption_of(shown, "a cat", 10) == "a red ball"
    assert caption_of(replace(shown, caption="redredredred"), "a cat", 8) == "redredre"
    assert caption_of(replace(shown, caption="<|image_1|> . "), "a cat", 300) == ""
    assert caption_of(replace(shown, caption="", concept="a ball"), "a cat", 300) == "a ball"
    user = replace(shown, caption="a  cat", concept="a cat", origin="user")
    assert caption_of(user, "a cat", 300) == ""
    assert caption_of(replace(user, origin="retrieved"), "a cat", 300) == "a cat"


def test_markup_is_removed_until_none_is_left():
    assert without_markup("a < b |> c <|d") == "a < b |> c <|d"
    assert "<|" not in without_markup("<|im_<|im_end|>end|> cat <|<|x|>y|>")


def test_cuts_are_told_once_for_each_prompt(context, told):
    note_cuts(context, ["aaaa", "aa", "aaaa"], 3, len)
    assert told == [
        ("generate", "prompt cut to 3 tokens", "'aaaa'… has 4 tokens, and max_tokens is 3")
    ]


@pytest.mark.parametrize(
    ("given", "used"),
    [((80, 10), (80, 10)), ((90, 10), (80, 10)), ((10, 100), (10, 80)), ((9, 1), (8, 1))],
)
def test_of_a_very_long_picture_the_middle_is_used_which_is_told(context, told, given, used):
    picture = Image.new("L", given)
    picture.putpixel((given[0] // 2, given[1] // 2), 255)
    first, found = in_proportion([Image.new("L", (5, 5)), picture], 8, context)
    assert (first.size, found.size) == ((5, 5), used)
    assert found.getbbox() is not None, "the middle is still there"
    assert [line[1] for line in told] == ["take the middle of reference 2"] * (given != used)
