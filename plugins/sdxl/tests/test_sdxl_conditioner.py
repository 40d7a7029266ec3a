"""The conditioner: the paper's words, cleaned captions, weights."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from imagerag.errors import CapabilityError
from imagerag.values import Capability, Reference
from imagerag_sdxl.conditioner import SDXLConditioner
from imagerag_sdxl.config import SDXLConditionerConfig

HAVE = Capability(abilities=frozenset({"text", "image-prompt", "mask"}), max_references=3)
PICTURE = Image.new("RGB", (4, 4))


def shown(caption: str = "a photo of a hedgehog", **more) -> Reference:
    return Reference(PICTURE, caption=caption, **more)


def condition(*references: Reference, prompt: str = "a hedgehog in a hat", size=None, **options):
    conditioner = SDXLConditioner(SDXLConditionerConfig(**options), None)
    return conditioner.condition(prompt, references, HAVE, seed=7, size=size)


def test_without_references_the_prompt_stays_as_it_is():
    guidance = condition(prompt="  a hedgehog, {really} <img> ")
    assert guidance.prompt == "  a hedgehog, {really} <img> "
    assert (guidance.references, dict(guidance.options), guidance.seed) == ((), {}, 7)
    assert (guidance.negative_prompt, guidance.width, guidance.height) == (None, None, None)


def test_one_reference_is_named_in_the_papers_words():
    guidance = condition(shown(), size=(64, 96))
    assert guidance.prompt == (
        "According to this image of a photo of a hedgehog, generate a hedgehog in a hat"
    )
    assert dict(guidance.options) == {"scale": 0.5}
    assert (guidance.width, guidance.height) == (64, 96)


def test_several_references_are_named_in_order():
    guidance = condition(shown("a hat"), shown("a hedgehog"), prompt="both")
    assert guidance.prompt == "According to these images of a hat, a hedgehog, generate both"
    assert [reference.caption for reference in guidance.references] == ["a hat", "a hedgehog"]


def test_equal_captions_are_named_once():
    assert condition(shown("a hat"), shown("a hat."), prompt="it").prompt == (
        "According to these images of a hat, generate it"
    )


def test_a_reference_without_a_caption_goes_by_its_concept():
    assert "of a quokka," in condition(shown("", concept="a quokka")).prompt
    assert condition(shown(""), prompt="it").prompt == "According to the image, generate it"


@pytest.mark.parametrize(
    ("caption", "said"),
    [
        ("a cat.", "a cat"),
        ("a\ncat\tand\u00a0dog", "a cat and dog"),
        ("a <img><|image_1|></img> cat", "a cat"),
        ("a <im<img>g> cat", "a <im g> cat"),
        ("\u202egnp.tac\u202c a cat", "gnp.tac a cat"),
        ("a\x00\x1b[31m cat", "a[31m cat"),
        ("cafe\u0301", "caf\u00e9"),
        ("{prompt} {caption.__class__}", "{prompt} {caption.__class__}"),
    ],
)
def test_captions_are_data(caption, said):
    assert condition(shown(caption), prompt="it").prompt == (
        f"According to this image of {said}, generate it"
    )


def test_a_long_caption_is_cut_at_a_word_and_leaves_room_for_the_prompt():
    prompt = condition(shown("word " * 500), prompt="the end").prompt
    assert len(prompt) < 230
    assert prompt.endswith("word, generate the end")


@given(st.text(max_size=400))
def test_no_caption_brings_markup_or_lines_into_the_prompt(caption):
    prompt = condition(shown(caption), prompt="it").prompt
    assert prompt.startswith("According to th")
    assert prompt.endswith(", generate it")
    assert "<img" not in prompt.lower()
    assert not {unicodedata.category(character) for character in prompt} & {"Cc", "Cf", "Zl", "Zp"}
    assert len(prompt) < 230


def test_strengths_replace_the_scale_and_are_averaged():
    assert condition(shown(strength=0.8)).options["scale"] == 0.8
    mean = condition(shown(strength=0.9), shown()).options["scale"]
    assert mean == pytest.approx(0.7)
    assert condition(shown(), shown(), shown(), scale=0.1).options["scale"] == 0.1


def test_strength_multiplies_scales_by_block():
    options = condition(shown(strength=0.5), scale={"up": {"block_0": [0.0, 1.0]}}).options
    assert options["scale"] == {"up": {"block_0": [0.0, 0.5]}}


def test_masks_are_handed_on_and_give_each_reference_its_own_strength():
    masks = ((0, 0, 0.5, 1), None)
    options = condition(shown(strength=0.9), shown(), masks=masks).options
    assert options["masks"] == [[0, 0, 0.5, 1], None]
    assert options["scale"] == [0.9, 0.5]


def test_too_many_references_are_refused():
    with pytest.raises(CapabilityError, match=r"4 references.*at most 3"):
        condition(*[shown()] * 4)


def test_wording_and_negative_prompt_are_configurable():
    guidance = condition(
        shown("a cat"), prompt="it", one="{prompt} ({caption})", negative_prompt="blur"
    )
    assert (guidance.prompt, guidance.negative_prompt) == ("it (a cat)", "blur")


@pytest.mark.parametrize(
    "options",
    [
        {"one": "no field"},
        {"one": "{prompt} {captions}"},
        {"many": "{prompt} {caption.x}"},
        {"uncaptioned": "{prompt} {caption}"},
        {"one": "{prompt} {"},
        {"one": "{prompt} {0}"},
    ],
)
def test_a_template_with_other_fields_is_refused(options):
    with pytest.raises(ValidationError):
        SDXLConditionerConfig(**options)


def test_guidance_from_the_conditioner_is_understood_by_the_generator(make, references, say):
    generator = make()
    conditioner = SDXLConditioner(SDXLConditionerConfig(masks=((0, 0, 0.5, 1), None)), None)
    for count in (0, 1, 2):
        guidance = conditioner.condition(
            "a cat", references[:count], generator.capability(), seed=0
        )
        assert generator.generate([guidance])[0].size == (64, 64)
    assert conditioner.needs <= generator.capability().abilities
