"""Which names a concept has to beat."""

from __future__ import annotations

import json

import pytest

from imagerag.errors import ConfigError
from imagerag_clip import ContrastSet, Phrase

NAMES = {
    "object": ["dog", "cat", "hot dog", "car", "red book", "polar bear", "bear"],
    "background": ["green background", "striped green background", "red background", "beach"],
}
CONTRAST = ContrastSet(NAMES)


def rivals(name, kind="object", present=(), contrast=CONTRAST):
    return contrast.rivals(Phrase(name, kind), [Phrase(*other) for other in present])


def test_a_concept_is_compared_with_the_others_of_its_kind():
    assert rivals("dog") == ["cat", "hot dog", "car", "red book", "polar bear", "bear"]
    assert rivals("beach", "background") == NAMES["background"][:3]


def test_what_only_says_more_is_no_rival_but_what_says_less_is():
    assert rivals("green background", "background") == ["red background", "beach"]
    assert rivals("striped green background", "background") == [
        "green background",
        "red background",
        "beach",
    ]


def test_a_plural_is_no_rival():
    assert "dog" not in rivals("dogs")


def test_listed_names_are_told_apart_even_where_one_contains_the_other():
    assert "bear" in rivals("polar bear")
    assert "polar bear" in rivals("bear")
    assert "hot dog" in rivals("dog")


def test_what_an_unlisted_concept_is_a_kind_of_is_no_rival():
    assert "car" not in rivals("police car")
    assert "car" not in rivals("red car")
    assert "dog" in rivals("police car")


def test_the_other_concepts_of_the_prompt_are_no_rivals():
    assert "cat" not in rivals("dog", present=[("dog", "object"), ("cats", "object")])


def test_attribute_words_bring_their_siblings():
    contrast = ContrastSet({**NAMES, "colour": ["red", "blue"], "pattern": ["striped", "dotted"]})
    assert "blue car" in rivals("red car", contrast=contrast)
    assert "dotted green background" in rivals(
        "striped green background", "background", contrast=contrast
    )
    assert "colour" not in contrast.kinds
    assert "blue" not in rivals("red", contrast=contrast)  # the fruit "orange" is no colour


def test_a_kind_without_names_is_not_judged_but_a_setting_is_compared_with_objects():
    assert CONTRAST.kind_for("style") is None
    assert CONTRAST.kind_for("background") == "background"
    assert ContrastSet({"object": ["dog"]}).kind_for("background") == "object"


def test_every_form_of_a_configuration_is_read(tmp_path):
    (tmp_path / "names.txt").write_text("dog\n\n  hot   dog \ndog\n")
    (tmp_path / "list.json").write_text('["dog", "hot dog"]')
    (tmp_path / "kinds.json").write_text(json.dumps({"object": ["dog", "hot dog"]}))
    given = [str(tmp_path / name) for name in ("names.txt", "list.json", "kinds.json")]
    for source in [*given, ["dog", "hot dog"], {"object": ("dog", "hot dog")}]:
        assert ContrastSet.load(source).kinds == {"object": ("dog", "hot dog")}


@pytest.mark.parametrize(
    "text", ["not json", '"dog"', '{"object": "dog"}', '{"object": [1]}', "{}", "7", "[]"]
)
def test_a_file_of_another_form_is_named(tmp_path, text):
    path = tmp_path / "names.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="contrast set"):
        ContrastSet.load(str(path))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.json"):
        ContrastSet.load(str(tmp_path / "none.json"))


def test_the_shipped_set_has_hundreds_of_names_each_once():
    contrast = ContrastSet.load("package:imagerag_clip/data/contrast.json")
    assert len(contrast.kinds["object"]) > 400
    assert len(contrast.kinds["background"]) > 80
    assert set(contrast.kinds) == {"object", "background", "style"}
    assert set(contrast.families) == {"colour", "pattern", "material"}
    for names in contrast.kinds.values():
        assert len({name.casefold() for name in names}) == len(names)
