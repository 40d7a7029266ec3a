"""Captions read as English."""

from __future__ import annotations

import pytest

from imagerag_clip.wording import article, caption, singular


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hedgehog", "a"),
        ("owl", "an"),
        ("unicorn", "a"),
        ("umbrella", "an"),
        ("uninhabited island", "an"),
        ("ukulele", "a"),
        ("hourglass", "an"),
        ("honeybee", "a"),
        ("European hare", "a"),
        ("one-armed bandit", "a"),
        ("X-ray", "an"),
        ("SUV", "an"),
        ("UFO", "a"),
        ("orange background", "an"),
        ("mountains", ""),
        ("grapes", ""),
        ("bunch of grapes", "a"),
        ("pair of scissors", "a"),
        ("bus", "a"),
        ("compass", "a"),
        ("octopus", "an"),
        ("people", ""),
        ("two dogs", ""),
        ("the Eiffel Tower", ""),
        ("刺猬", "a"),
    ],
)
def test_the_article_fits_the_name(name, expected):
    assert article(name) == expected


def test_a_caption_takes_the_article_of_its_name():
    assert caption("a photo of a {name}", "owl") == "a photo of an owl"
    assert caption("a photo of a {name}", "mountains") == "a photo of mountains"
    assert caption("A {name}, painted", "owl") == "An owl, painted"
    assert caption("{name} on a table", "owl") == "owl on a table"
    assert caption("an {name}", "dog") == "a dog"


def test_a_name_with_braces_is_only_text():
    assert caption("a {name}", "{name} {0.__class__}") == "a {name} {0.__class__}"


@pytest.mark.parametrize(
    ("plural", "expected"),
    [("dogs", "dog"), ("cherries", "cherry"), ("boxes", "box"), ("bus", "bus"), ("glass", "glass")],
)
def test_plurals_are_known_by_their_ending(plural, expected):
    assert singular(plural) == expected
