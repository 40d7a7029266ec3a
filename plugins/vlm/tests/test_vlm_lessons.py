"""A trained model through every call: picture and prompt in, values of the loop out."""

from __future__ import annotations

import pytest
from PIL import Image

from imagerag.values import Choice, Comparison, Concept, Edits, Matches, Missing

HEDGEHOG, FERRY = "a hedgehog in a top hat", "a red ferry"
RED, GREEN, BLUE = (Image.new("RGB", (56, 56), colour) for colour in ("red", "lime", "blue"))
ANIMAL = Concept("hedgehog", "a photo of a hedgehog")


@pytest.fixture
def critic(make, taught):
    return make(taught)


def test_a_review_names_what_a_picture_lacks(critic):
    review = critic.review(RED, HEDGEHOG)
    assert isinstance(review, Missing)
    assert review.concepts == (ANIMAL, Concept("top hat", "a photo of a top hat"))
    assert [concept.name for concept in review.present] == ["hat"]
    assert review.note == "no animal"


def test_another_picture_is_reviewed_otherwise(critic):
    assert critic.review(BLUE, HEDGEHOG) == Matches("all there")


def test_another_prompt_is_reviewed_otherwise(critic):
    assert critic.review(RED, FERRY) == Matches("all there")
    review = critic.review(BLUE, FERRY)
    assert isinstance(review, Missing)
    assert [concept.name for concept in review.concepts] == ["ferry"]


def test_three_calls_ask_one_after_another(make, taught, ledger):
    review = make(taught, calls="three").review(RED, HEDGEHOG)
    assert isinstance(review, Missing)
    assert review.concepts == (ANIMAL,)
    assert [line.call for line in ledger] == ["match", "concepts", "captions"]
    assert [line.image_tokens for line in ledger] == [4, 4, 0]


def test_the_better_picture_is_found_wherever_it_stands(critic):
    assert critic.compare(HEDGEHOG, RED, BLUE) == Comparison("b", note="it has a hedgehog")
    assert critic.compare(HEDGEHOG, BLUE, RED) == Comparison("a", note="it has a hedgehog")


def test_comparing_in_both_orders_agrees(make, taught, ledger):
    critic = make(taught, compare="both-orders")
    assert critic.compare(HEDGEHOG, RED, BLUE).better == "b"
    assert [line.images for line in ledger] == [2, 2]


def test_a_choice_follows_the_pictures(critic):
    assert critic.choose(HEDGEHOG, [RED, GREEN, BLUE]) == Choice((2, 1))
    assert critic.choose(HEDGEHOG, [BLUE, GREEN, RED]) == Choice((0, 1))


def test_a_caption_describes_its_picture(critic):
    assert critic.caption(RED) == "A plain red field."
    assert critic.caption(BLUE) == "A plain blue field."


def test_a_plan_needs_no_picture(critic):
    assert critic.plan(HEDGEHOG) == Missing((ANIMAL,), note="an animal")


def test_edits_are_instructions(critic):
    assert critic.edits(RED, HEDGEHOG) == Edits(("Add a hedgehog under the hat.",))


def test_the_ledger_tells_what_was_asked_and_what_came_of_it(critic, ledger):
    critic.review(RED, HEDGEHOG)
    critic.review(BLUE, HEDGEHOG)
    assert [line.outcome for line in ledger] == ["missing", "matches"]
    assert all(line.usd == 0.0 and line.requests == 0 for line in ledger)


def test_a_session_s_critic_is_this_one(taught):
    from imagerag import Session
    from imagerag.testing import registry

    config = {
        "generator": {"use": "seeded", "width": 56, "height": 56},
        "conditioner": {"use": "plain"},
        "critic": {"use": "vlm", "model": str(taught), "device": "cpu"},
        "loop": {"gate": "never"},
    }
    with Session.from_config(config, registry=registry("imagerag_vlm.plugin")) as session:
        assert isinstance(session.critic.review(RED, HEDGEHOG), Missing)
        assert session.critic.remote is False


def test_a_trained_model_s_answer_survives_both_formats(make, taught):
    for form in ("png", "jpeg"):
        assert make(taught, image_format=form).caption(RED) == "A plain red field."
