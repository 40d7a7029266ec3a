"""How an edit reaches the editor: placeholder, size, reference, or a conditioner's own words."""

from __future__ import annotations

import hashlib

import pytest

from imagerag.errors import CapabilityError, ConfigError
from imagerag.values import Guidance

OMNI = {
    "use": "patching",
    "abilities": ["text", "in-context"],
    "syntax": "<img><|image_{k}|></img>",
    "width": 24,
    "height": 16,
    "max_references": 3,
}


def first_edit(one, **more):
    one.session.generator.generate([Guidance("a cat in a hat", 3, **more)])
    [guidance] = one.session.generator.editor.calls[-1]
    return guidance


def test_an_editor_with_a_syntax_for_pictures_gets_the_placeholder(rag):
    guidance = first_edit(rag("add a hat", painter=OMNI))
    assert guidance.prompt == "<img><|image_1|></img> add a hat"


@pytest.mark.parametrize("syntax", ["Image {k}", "Picture {k}"])
def test_an_editor_that_names_pictures_in_words_gets_a_colon(rag, syntax):
    guidance = first_edit(rag("add a hat", painter={**OMNI, "syntax": syntax}))
    assert guidance.prompt == f"{syntax.format(k=1)}: add a hat"


def test_the_wording_is_configurable(rag):
    worded = first_edit(rag("add a hat", painter=OMNI, editor_prompt="In {image}: {instruction}!"))
    assert worded.prompt == "In <img><|image_1|></img>: add a hat!"
    bare = first_edit(rag("add a hat", painter=OMNI, editor_prompt="{instruction}"))
    assert bare.prompt == "add a hat"


def test_the_picture_is_the_user_s_reference_with_digest_and_caption(rag):
    one = rag("add a hat")
    [reference] = first_edit(one).references
    image = reference.image
    head = f"RGB {image.width} {image.height} ".encode()
    assert reference.digest == hashlib.sha256(head + image.tobytes()).hexdigest()
    assert (reference.origin, reference.caption) == ("user", "a cat in a hat")
    assert (reference.hit, reference.strength) == (None, None)


@pytest.mark.parametrize(
    ("edit_size", "asked", "size"),
    [
        ("picture", (None, None), (24, 16)),
        ("picture", (12, 10), (12, 10)),
        ("asked", (None, None), (None, None)),
        ("asked", (12, 10), (12, 10)),
    ],
)
def test_the_size_is_that_of_the_picture_or_what_was_asked(rag, edit_size, asked, size):
    one = rag("add a hat", edit_size=edit_size)
    guidance = first_edit(one, width=asked[0], height=asked[1])
    assert (guidance.width, guidance.height) == size


def test_an_editor_of_another_size_follows_the_picture(rag):
    editor = {"use": "patching", "max_references": 1, "width": 9, "height": 9}
    one = rag("add a hat", editor=editor)
    assert one.generate("a hat", seed=3).image.size == (24, 16)
    one = rag("add a hat", editor=editor, edit_size="asked")
    assert one.generate("a hat", seed=3).image.size == (9, 9)


def test_a_conditioner_words_the_edit(rag):
    one = rag("add a hat", painter=OMNI, conditioner={"use": "wordy", "before": "Edit: "})
    guidance = first_edit(one)
    assert guidance.prompt == "Edit: add a hat"
    assert dict(guidance.options) == {"strength": 1}
    assert (guidance.seed, guidance.width, guidance.height) == (3, 24, 16)
    assert guidance.references[0].origin == "user"


def test_a_conditioner_that_does_not_fit_the_editor_is_an_error_at_once(rag):
    one = rag("add a hat", conditioner={"use": "wordy"})
    with pytest.raises(CapabilityError, match=r"'wordy' inside 'grape' needs \['in-context'\]"):
        _ = one.session.generator


def test_two_wordings_are_one_too_many(rag):
    with pytest.raises(ConfigError, match="conditioner words an edit already"):
        rag("", painter=OMNI, conditioner={"use": "wordy"}, editor_prompt="{instruction}")


@pytest.mark.parametrize(
    "options",
    [
        {"editor_prompt": "{image}"},
        {"editor_prompt": "{instruction} {caption}"},
        {"editor_prompt": "{instruction} {"},
        {"editor_prompt": "{instruction.x}"},
        {"missing": "add it"},
        {"missing": "add {0}"},
    ],
)
def test_a_template_with_other_fields_is_refused(rag, options):
    with pytest.raises(ConfigError, match=r"template|must use"):
        rag("", **options)
