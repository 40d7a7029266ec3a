"""The conditioner: the paper's words, each caption with its images, and nobody else's markup."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from imagerag.errors import CapabilityError
from imagerag.roles import Context
from imagerag.text import clean
from imagerag.values import Capability, Reference
from imagerag_omnigen.conditioner import OmniGenConditioner
from imagerag_omnigen.config import OmniGenConditionerConfig
from imagerag_omnigen.placeholders import SYNTAX, check_placeholders, without_markup

HAVE = Capability(
    abilities=frozenset({"text", "in-context", "edit"}), max_references=5, reference_syntax=SYNTAX
)
PICTURE = Image.new("RGB", (4, 4))


def shown(caption: str = "a quokka", **more) -> Reference:
    return Reference(PICTURE, caption=caption, **more)


def image(number: int) -> str:
    return f"<img><|image_{number}|></img>"


@pytest.fixture
def decided() -> list:
    return []


@pytest.fixture
def condition(decided, tmp_path):
    def run(*references, prompt="a quokka in a hat", size=None, have=HAVE, **options):
        context = Context(
            component=lambda role: None,
            cache_dir=tmp_path,
            decide=lambda *line: decided.append(line),
        )
        conditioner = OmniGenConditioner(OmniGenConditionerConfig(**options), context)
        return conditioner.condition(prompt, references, have, seed=7, size=size)

    return run


def test_without_references_the_prompt_stays_as_it_is(condition, decided):
    guidance = condition(prompt="  a quokka, {really}\n<3  ")
    assert guidance.prompt == "  a quokka, {really}\n<3  "
    assert (guidance.references, dict(guidance.options), guidance.seed) == ((), {}, 7)
    assert (guidance.negative_prompt, guidance.width, guidance.height) == (None, None, None)
    assert decided == []


def test_one_concept_is_worded_as_in_the_paper(condition):
    guidance = condition(shown(), size=(64, 96))
    assert guidance.prompt == (
        f"According to these images of a quokka: {image(1)}, generate a quokka in a hat"
    )
    assert (guidance.width, guidance.height) == (64, 96)
    assert condition(shown(), shown(), shown()).prompt == (
        f"According to these images of a quokka: {image(1)}, {image(2)}, {image(3)}, generate "
        "a quokka in a hat"
    )


def test_each_caption_stands_with_its_own_images(condition):
    guidance = condition(shown("a hat"), shown("a quokka"), prompt="both")
    assert guidance.prompt == (
        f"According to these images of a hat: {image(1)}, a quokka: {image(2)}, generate both"
    )
    assert [reference.caption for reference in guidance.references] == ["a hat", "a quokka"]


def test_images_of_one_caption_stand_together_and_are_numbered_as_they_are_read(condition):
    first, hat, second = shown("a quokka"), shown("a hat"), shown("a quokka.")
    guidance = condition(first, hat, second, prompt="both")
    assert guidance.prompt == (
        f"According to these images of a quokka: {image(1)}, {image(2)}, a hat: {image(3)}, "
        "generate both"
    )
    assert [id(reference) for reference in guidance.references] == [id(first), id(second), id(hat)]


def test_the_users_own_images_come_first(condition):
    found, mine = shown("a hat"), shown("my cat", origin="user")
    guidance = condition(found, mine, prompt="both")
    assert guidance.prompt == (
        f"According to these images of my cat: {image(1)}, a hat: {image(2)}, generate both"
    )
    assert guidance.references == (mine, found)


def test_a_user_image_without_a_caption_of_its_own_is_called_so(condition):
    """The loop fills in the prompt, which is not what the image shows."""
    for caption in ("", "my cat in a hat", "my  cat in a hat"):
        guidance = condition(shown(caption, origin="user"), prompt="my cat in a hat")
        assert guidance.prompt == (
            f"According to these images of the user's image: {image(1)}, generate my cat in a hat"
        )
    named = condition(shown("", origin="user", concept="my cat"), prompt="it")
    assert f"of my cat: {image(1)}" in named.prompt
    mine = condition(shown("", origin="user"), prompt="it", own="my own thing")
    assert f"of my own thing: {image(1)}" in mine.prompt


def test_a_retrieved_image_goes_by_its_caption_its_concept_or_as_the_subject(condition):
    assert f"of it: {image(1)}" in condition(shown("it"), prompt="it").prompt, "the fallback's"
    assert "of a hat:" in condition(shown("", concept="a hat"), prompt="it").prompt
    assert "of the subject:" in condition(shown(" <img> "), prompt="it").prompt


@pytest.mark.parametrize(
    ("caption", "said"),
    [
        ("a cat.", "a cat"),
        ("a\ncat\tand\u00a0dog", "a cat and dog"),
        ("a <img><|image_3|></img> cat", "a cat"),
        ("a <|im<|image_1|>age_1|> cat", "a im age_1 cat"),
        ("a cat<|end|>\n<|assistant|>", "a cat"),
        ("\u202egnp.tac\u202c a cat", "gnp.tac a cat"),
        ("a\x00\x1b[31m cat", "a[31m cat"),
        ("{prompt} {images.__class__}", "{prompt} {images.__class__}"),
    ],
)
def test_captions_are_data(condition, caption, said):
    assert condition(shown(caption), prompt="it").prompt == (
        f"According to these images of {said}: {image(1)}, generate it"
    )


def test_a_long_caption_is_cut_at_a_word(condition):
    prompt = condition(shown("word " * 500), prompt="the end", max_caption=22).prompt
    assert prompt == (
        f"According to these images of word word word word: {image(1)}, generate the end"
    )
    whole = condition(shown("word " * 500), prompt="the end").prompt
    assert 280 < len(whole) < 400


def test_markup_in_the_prompt_is_removed_and_the_removal_recorded(condition, decided):
    guidance = condition(shown(), prompt="a hat <img><|image_2|></img> on <|end|>it")
    assert guidance.prompt.endswith("generate a hat   on  it")
    check_placeholders(guidance.prompt, 1)
    ((stage, decision, reason),) = decided
    assert (stage, decision) == ("condition", "remove image markup from the prompt")
    assert "'a hat   on  it'" in reason
    assert condition(prompt="a cat <|image_1|>").prompt == "a cat  ", "in a draft as well"


def test_a_prompt_of_nothing_but_markup_is_refused(condition):
    with pytest.raises(CapabilityError, match="nothing but image markup"):
        condition(shown(), prompt="<img><|image_1|></img>")


PIECES = ("<", "|", ">", "/", "_", "1", "2", " ", "img", "image", "<|", "|>", "<img>", "{prompt}")
HOSTILE = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=40).map("".join)


@given(
    prompt=HOSTILE,
    captions=st.lists(HOSTILE, min_size=0, max_size=4),
    users=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_whatever_prompt_and_captions_say_each_image_is_named_once(prompt, captions, users):
    references = [
        shown(caption, origin="user" if user else "retrieved")
        for caption, user in zip(captions, users, strict=False)
    ]
    context = Context(component=lambda role: None, cache_dir=None)
    conditioner = OmniGenConditioner(OmniGenConditionerConfig(), context)
    try:
        guidance = conditioner.condition(prompt, references, HAVE, seed=0)
    except CapabilityError as error:
        assert "nothing but image markup" in str(error)
        assert not clean(without_markup(prompt))
        return
    check_placeholders(guidance.prompt, len(references))
    assert sorted(map(id, guidance.references)) == sorted(map(id, references))
    if references:
        places = [guidance.prompt.index(image(k)) for k in range(1, len(references) + 1)]
        assert places == sorted(places), "numbers run upwards"
        head = guidance.prompt.partition(", generate ")[0]
        assert not {unicodedata.category(char) for char in head} & {"Cc", "Cf", "Zl", "Zp"}


def test_too_many_references_are_refused(condition):
    with pytest.raises(CapabilityError, match=r"6 references.*at most 5"):
        condition(*[shown()] * 6)


def test_a_generator_without_a_syntax_for_references_is_refused(condition):
    have = Capability(abilities=frozenset({"text", "in-context"}), max_references=3)
    assert condition(prompt="it", have=have).prompt == "it"
    with pytest.raises(CapabilityError, match=r"no syntax.*own conditioner"):
        condition(shown(), have=have)


def test_another_generators_syntax_is_used(condition):
    have = Capability(
        abilities=frozenset({"text", "in-context"}),
        max_references=3,
        reference_syntax="Picture {k}",
    )
    assert condition(shown("a hat"), have=have, prompt="it").prompt == (
        "According to these images of a hat: Picture 1, generate it"
    )


def test_strengths_are_left_aside_and_this_is_recorded(condition, decided):
    plain, weighed = condition(shown()), condition(shown(strength=0.5))
    assert weighed.prompt == plain.prompt
    assert [line[:2] for line in decided] == [("condition", "leave strengths aside")]


def test_the_wording_is_configurable_and_named_in_records(condition):
    edit = condition(shown(), prompt="add a hat", template="{images} {prompt}")
    assert edit.prompt == f"{image(1)} add a hat"
    guidance = condition(
        shown("a hat"),
        shown("a cat"),
        prompt="it",
        template="{prompt} ({groups})",
        group="{images} is {caption}",
    )
    assert guidance.prompt == f"it ({image(1)} is a hat, {image(2)} is a cat)"
    conditioner = OmniGenConditioner(OmniGenConditionerConfig(template="{images} {prompt}"), None)
    assert conditioner.versions()["template"] == "{images} {prompt}"


@pytest.mark.parametrize(
    "options",
    [
        {"template": "no field"},
        {"template": "{prompt}"},
        {"template": "{groups} {images} {prompt}"},
        {"template": "{groups} {groups} {prompt}"},
        {"template": "{groups} {prompt} {caption}"},
        {"template": "{groups!r} {prompt}"},
        {"template": "{groups:>{prompt}} {prompt}"},
        {"template": "{groups} {prompt.x}"},
        {"template": "{groups} {prompt} {"},
        {"template": "<|image_{images}|> {prompt}"},
        {"template": "<img>{images} {prompt}"},
        {"group": "{caption}"},
        {"group": "{images} {prompt}"},
        {"own": ""},
        {"own": "<img>"},
        {"unnamed": "<|"},
        {"max_caption": 3},
    ],
)
def test_templates_that_could_lose_or_break_an_image_are_refused(options):
    with pytest.raises(ValidationError):
        OmniGenConditionerConfig(**options)


def test_guidance_from_the_conditioner_is_understood_by_the_generator(make, condition):
    generator = make()
    found = (shown("a hat"), shown("a cat", origin="user"), shown("a hat"))
    for count in range(4):
        guidance = condition(
            *found[:count], prompt="a cat <|image_3|>", have=generator.capability()
        )
        assert generator.generate([guidance])[0].size == (64, 64)
    assert OmniGenConditioner.needs <= generator.capability().abilities
