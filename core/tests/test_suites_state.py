"""What the suites compare before and after: inputs, random numbers, settings of the process."""

from __future__ import annotations

import inspect
import logging
import os
import random

import numpy as np
import pytest
from PIL import Image

from imagerag.collection import Collection
from imagerag.testing import ConditionerSuite, rules
from imagerag.testing.suites import pools
from imagerag.testing.suites.fingerprint import fingerprint
from imagerag.testing.suites.hostile import TEXTS
from imagerag.testing.suites.pictures import cut_short, distance, picture, pixels, png
from imagerag.testing.suites.state import differences, process_state, random_state, stirred
from imagerag.values import Guidance, Reference

CHANGES = {
    "a pixel": lambda given: given["image"].putpixel((3, 3), (1, 2, 3)),
    "an element": lambda given: given["array"].__setitem__(0, 9.0),
    "a list": lambda given: given["texts"].append("more"),
    "a mapping": lambda given: given["guidance"].options.__setitem__("scale", 1.0),
    "a reference's picture": lambda given: (
        given["guidance"].references[0].image.putpixel((0, 0), (1, 2, 3))
    ),
    "an item": lambda given: given["collection"].remove([pools.identity(0)]),
}


@pytest.fixture
def given(tmp_path):
    with Collection.open(pools.make_pool(tmp_path / "pool", 3)) as collection:
        yield {
            "image": picture(1),
            "array": np.zeros(3, dtype=np.float32),
            "texts": ["a", "b"],
            "guidance": Guidance("x", 1, (Reference(picture(2), "y"),), options={"scale": 0.5}),
            "collection": collection,
        }


def test_a_fingerprint_stays_where_nothing_changes(given):
    assert fingerprint(given) == fingerprint(given)


@pytest.mark.parametrize("what", CHANGES)
def test_a_fingerprint_tells_of(given, what):
    before = fingerprint(given)
    CHANGES[what](given)
    assert fingerprint(given) != before


@pytest.mark.parametrize(
    ("name", "draw"), [("random", random.random), ("numpy.random", np.random.random)]
)
def test_random_numbers_that_are_drawn_are_noticed(name, draw):
    with stirred(1):
        before = random_state()
        draw()
        assert differences(before, random_state()) == [name]


@pytest.mark.parametrize("seed", [random.seed, np.random.seed])
def test_seeding_is_noticed_though_it_leaves_the_same_state(seed):
    seed(5)
    with stirred(982_451_653):
        before = random_state()
        seed(5)
        assert len(differences(before, random_state())) == 1


def test_what_was_stirred_is_put_back():
    before = random_state()
    with stirred(3):
        random.random()
        np.random.random()
    assert differences(before, random_state()) == []


def test_settings_of_the_process_are_noticed(monkeypatch, tmp_path):
    before = process_state()
    assert differences(before, process_state()) == []
    monkeypatch.setenv("ACME_SETTING", "1")
    monkeypatch.chdir(tmp_path)
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        assert differences(before, process_state()) == [
            "the working directory",
            "the environment",
            "the handlers of the root logger",
        ]
    finally:
        logging.getLogger().removeHandler(handler)
    del os.environ["ACME_SETTING"]


def test_pictures_differ_by_number_and_repeat():
    seen = {pixels(picture(number)) for number in range(100)}
    assert len(seen) == 100
    assert pixels(picture(7)) == pixels(picture(7))
    assert distance(picture(1), picture(1)) == 0 < distance(picture(1), picture(2)) < 255
    assert distance(picture(1), picture(1, (8, 8))) == 255


def test_twins_are_other_files_with_the_same_pixels():
    assert png(5, 1) != png(5, 2)
    twins = pools.twins()
    assert len({twin.data for twin in twins}) == pools.TWINS
    assert len({twin.caption for twin in twins}) == 1


def test_a_picture_that_is_cut_short_opens_and_cannot_be_read():
    image = cut_short()
    assert isinstance(image, Image.Image)
    with pytest.raises(OSError, match="truncated"):
        image.load()


def test_captions_of_a_pool_are_unique():
    assert len({pools.caption(number) for number in range(100)}) == 100


def test_there_are_hostile_texts_enough():
    assert len(set(TEXTS)) == len(TEXTS) >= 20
    counted = [rule.sentence for rule in rules() if " texts that try" in rule.sentence]
    counted += [inspect.getdoc(ConditionerSuite.test_captions_are_words)]
    assert all(f"{len(TEXTS)} texts that try" in words for words in counted)
    assert [text for text in TEXTS if any("\ud800" <= char <= "\udfff" for char in text)] == []
