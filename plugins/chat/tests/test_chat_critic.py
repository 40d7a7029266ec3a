"""Every ability is questions asked in order, and every trouble is a value."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from imagerag.errors import CriticError
from imagerag.roles import Context
from imagerag.values import (
    Choice,
    Comparison,
    Concept,
    Edits,
    Filtered,
    Malformed,
    Matches,
    Missing,
    Refused,
    Truncated,
    Unavailable,
    Usage,
)
from imagerag_chat import ChatConfig, ChatCritic, Reply, encode

PICTURE = Image.new("RGB", (40, 30), (10, 200, 30))
OTHER = Image.new("RGB", (40, 30), (200, 10, 30))
MATCHES = '{"match": true, "note": "fine"}'
MISMATCH = '{"match": false, "note": "no hedgehog"}'
CONCEPTS = '{"concepts": ["hedgehog", "red ball"], "note": ""}'
CAPTIONS = json.dumps(
    {
        "captions": [
            {"concept": "hedgehog", "caption": "a photo of a hedgehog"},
            {"concept": "red ball", "caption": "a red rubber ball"},
        ]
    }
)
TROUBLES = [
    Refused("no"),
    Filtered("filtered"),
    Truncated("too long"),
    Malformed("odd"),
    Unavailable("no network"),
]


class Scripted(ChatCritic):
    """Answers from a list, and remembers what it was asked."""

    def __init__(self, *replies, ledger=None, **options):
        ledger = [] if ledger is None else ledger

        def component(role):
            raise AssertionError(f"nobody should ask for the {role}")

        super().__init__(ChatConfig(**options), Context(component, None, spend=ledger.append))
        self.replies = [Reply(text=r) if isinstance(r, str) else r for r in replies]
        self.asked = []
        self.temperatures = []

    def answer(self, question, temperature):
        self.asked.append(question)
        self.temperatures.append(temperature)
        return self.replies.pop(0)

    @property
    def calls(self):
        return [question.call for question in self.asked]


def test_one_call_asks_everything_and_shows_the_picture_once():
    critic = Scripted(
        '{"match": false, "missing": [{"concept": "hedgehog", "caption": "a photo of one"}],'
        ' "present": ["lawn"], "note": "n"}'
    )
    review = critic.review(PICTURE, "a hedgehog on a lawn")
    assert review == Missing(
        (Concept("hedgehog", "a photo of one"),), (Concept("lawn", "lawn"),), "n"
    )
    assert critic.calls == ["review"]
    assert critic.asked[0].images == (PICTURE,)


def test_three_calls_ask_as_the_paper_does():
    critic = Scripted(MISMATCH, CONCEPTS, CAPTIONS, calls="three")
    review = critic.review(PICTURE, "a hedgehog beside a red ball", temperature=0.4)
    assert [(c.name, c.caption) for c in review.concepts] == [
        ("hedgehog", "a photo of a hedgehog"),
        ("red ball", "a red rubber ball"),
    ]
    assert critic.calls == ["match", "concepts", "captions"]
    assert critic.temperatures == [0.4, 0.4, 0.4]


def test_three_calls_send_the_picture_at_most_three_times_and_never_twice_in_one():
    critic = Scripted(MISMATCH, CONCEPTS, CAPTIONS, calls="three")
    critic.review(PICTURE, "a hedgehog beside a red ball")
    assert [len(question.images) for question in critic.asked] == [1, 1, 0]


def test_three_calls_end_with_the_first_where_the_picture_matches():
    critic = Scripted(MATCHES, calls="three")
    assert critic.review(PICTURE, "a lawn") == Matches()
    assert critic.calls == ["match"]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: type(trouble).__name__)
def test_trouble_is_the_review(trouble):
    critic = Scripted(Reply(trouble=trouble))
    assert critic.review(PICTURE, "a lawn") == trouble


@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: type(trouble).__name__)
def test_trouble_in_any_of_three_calls_is_the_review(trouble, before):
    replies = [MISMATCH, CONCEPTS, CAPTIONS][:before]
    critic = Scripted(*replies, Reply(trouble=trouble), calls="three")
    assert critic.review(PICTURE, "a hedgehog") == trouble
    assert len(critic.asked) == before + 1


@pytest.mark.parametrize("before", [0, 1, 2])
def test_babble_in_any_of_three_calls_is_malformed(before):
    critic = Scripted(*[MISMATCH, CONCEPTS, CAPTIONS][:before], "", calls="three")
    assert isinstance(critic.review(PICTURE, "a hedgehog"), Malformed)


def test_no_match_with_nothing_missing_is_malformed():
    critic = Scripted(MISMATCH, "Nothing is missing.", calls="three")
    assert isinstance(critic.review(PICTURE, "a hedgehog"), Malformed)


@pytest.mark.parametrize("calls", ["one", "three"])
def test_an_answer_asks_for_no_more_concepts_than_are_kept(calls):
    many = json.dumps({"concepts": [f"thing {n}" for n in range(9)], "note": ""})
    captions = json.dumps({"captions": [f"caption {n}" for n in range(2)]})
    one = json.dumps({"match": False, "missing": [f"thing {n}" for n in range(9)]})
    replies = [one] if calls == "one" else [MISMATCH, many, captions]
    critic = Scripted(*replies, calls=calls, max_concepts=2)
    review = critic.review(PICTURE, "things")
    assert [concept.name for concept in review.concepts] == ["thing 0", "thing 1"]
    assert "the first 2 are kept" in review.note
    assert "at most 2" in critic.asked[-2 if calls == "three" else 0].text


def test_the_temperature_is_handed_on():
    critic = Scripted(MATCHES, '{"concepts": [], "note": ""}', '{"edits": [], "note": ""}')
    critic.review(PICTURE, "x", temperature=0.4)
    critic.plan("x", temperature=0.8)
    critic.edits(PICTURE, "x", temperature=1.2)
    assert critic.temperatures == [0.4, 0.8, 1.2]


def test_a_plan_shows_no_picture():
    critic = Scripted('{"concepts": [{"concept": "okapi", "caption": "an okapi"}], "note": "rare"}')
    assert critic.plan("an okapi") == Missing((Concept("okapi", "an okapi"),), note="rare")
    assert critic.asked[0].images == ()


@pytest.mark.parametrize(
    ("answer", "better"), [("first", "a"), ("second", "b"), ("tie", "tie"), ("?", "tie")]
)
def test_pictures_are_compared_in_the_order_that_is_stated(answer, better):
    critic = Scripted(json.dumps({"better": answer, "note": "n"}))
    comparison = critic.compare("a hedgehog", PICTURE, OTHER)
    assert comparison.better == better
    assert critic.asked[0].images == (PICTURE, OTHER)


@pytest.mark.parametrize(
    ("forth", "back", "better"),
    [
        ("first", "second", "a"),
        ("second", "first", "b"),
        ("tie", "tie", "tie"),
        ("first", "first", "tie"),
        ("second", "second", "tie"),
        ("first", "tie", "tie"),
        ("tie", "first", "tie"),
    ],
)
def test_in_both_orders_a_picture_must_win_in_both_places(forth, back, better):
    replies = [json.dumps({"better": answer, "note": "n"}) for answer in (forth, back)]
    critic = Scripted(*replies, compare="both-orders")
    comparison = critic.compare("a hedgehog", PICTURE, OTHER)
    assert comparison.better == better
    assert [question.images for question in critic.asked] == [(PICTURE, OTHER), (OTHER, PICTURE)]
    if forth == back != "tie":
        assert "contradict" in comparison.note


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: type(trouble).__name__)
def test_an_unusable_comparison_is_a_tie_that_says_so(trouble, place):
    replies = ['{"better": "first", "note": ""}'] * place
    critic = Scripted(*replies, Reply(trouble=trouble), compare="both-orders")
    comparison = critic.compare("a hedgehog", PICTURE, OTHER)
    assert comparison == Comparison(
        "tie", note=f"no usable answer: {type(trouble).__name__.lower()} ({trouble.note})"
    )


def test_a_caption_is_plain_text():
    critic = Scripted("A green rectangle.")
    assert critic.caption(PICTURE) == "A green rectangle."
    assert critic.asked[0].schema is None


@pytest.mark.parametrize(
    "reply", ["", "I'm sorry, but I can't help with that.", Reply(trouble=Unavailable("down"))]
)
def test_without_a_usable_caption_the_error_says_what_to_do(reply):
    with pytest.raises(CriticError, match="imagerag plugins list --role critic"):
        Scripted(reply).caption(PICTURE)


def test_candidates_are_numbered_from_one_in_the_order_shown():
    critic = Scripted('{"order": [3, 1], "note": "by colour"}')
    images = [PICTURE, OTHER, PICTURE.rotate(90)]
    assert critic.choose("a red picture", images) == Choice((2, 0), "by colour")
    assert critic.asked[0].images == tuple(images)
    assert "numbered from 1 to 3" in critic.asked[0].text


@pytest.mark.parametrize("count", [0, 1])
def test_where_there_is_no_choice_nothing_is_asked(count):
    critic = Scripted()
    assert critic.choose("anything", [PICTURE] * count).order == tuple(range(count))
    assert critic.asked == []


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: type(trouble).__name__)
def test_an_unusable_choice_is_empty_and_says_why(trouble):
    choice = Scripted(Reply(trouble=trouble)).choose("x", [PICTURE, OTHER])
    assert choice.order == ()
    assert trouble.note in choice.note


def test_edits_are_instructions_in_order():
    critic = Scripted('{"edits": ["Add a hedgehog.", "Make the ball red."], "note": ""}')
    assert critic.edits(PICTURE, "x") == Edits(("Add a hedgehog.", "Make the ball red."))


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: type(trouble).__name__)
def test_trouble_with_edits_is_a_value(trouble):
    assert Scripted(Reply(trouble=trouble)).edits(PICTURE, "x") == trouble


def test_each_call_is_a_line_of_the_ledger_with_what_came_of_it():
    ledger = []
    usage = Usage(model="m", input_tokens=10, output_tokens=2, usd=0.0)
    critic = Scripted(
        Reply(MISMATCH, usage=usage),
        Reply(CONCEPTS, usage=usage),
        Reply(trouble=Truncated(), usage=usage),
        calls="three",
        ledger=ledger,
    )
    critic.review(PICTURE, "a hedgehog")
    assert [(line.call, line.images, line.outcome) for line in ledger] == [
        ("match", 1, "answered"),
        ("concepts", 1, "answered"),
        ("captions", 0, "truncated"),
    ]
    assert all(line.model == "m" and line.input_tokens == 10 for line in ledger)


def test_what_reports_no_usage_writes_no_line():
    ledger = []
    Scripted('{"match": true}', ledger=ledger).review(PICTURE, "a lawn")
    assert ledger == []


def test_outcomes_of_one_call_are_named_in_the_ledger():
    ledger = []
    replies = ['{"match": true}', '{"match": false, "missing": ["x"]}', "?"]
    critic = Scripted(*[Reply(text, usage=Usage()) for text in replies], ledger=ledger)
    for _ in replies:
        critic.review(PICTURE, "a lawn")
    assert [line.outcome for line in ledger] == ["matches", "missing", "malformed"]


def test_the_longest_answer_is_the_configured_one():
    critic = Scripted(MATCHES, max_tokens=77)
    critic.review(PICTURE, "x")
    assert critic.asked[0].max_tokens == 77


def test_all_abilities_are_declared():
    assert ChatCritic.abilities == {"plan", "compare", "caption", "choose", "edits"}


class Encoding(Scripted):
    """Encodes the pictures of a question, as a critic over a network does."""

    def answer(self, question, temperature):
        for image in question.images:
            encode(image)
        return super().answer(question, temperature)


def broken_picture():
    file = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(file, "PNG")
    return Image.open(io.BytesIO(file.getvalue()[:2000]))


@pytest.mark.parametrize("picture", [Image.new("RGB", (0, 5)), broken_picture()])
def test_a_picture_that_cannot_be_read_is_a_value_and_asks_nothing(picture):
    critic = Encoding()
    assert isinstance(critic.review(picture, "a lawn"), Malformed)
    assert isinstance(critic.edits(picture, "a lawn"), Malformed)
    assert critic.compare("a lawn", PICTURE, picture).better == "tie"
    assert critic.choose("a lawn", [PICTURE, picture]).order == ()
    assert critic.asked == []
