"""Whatever a model writes, the reading is a value of the agreed kinds, and its texts are clean."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagerag.text import clean
from imagerag.values import (
    Choice,
    Edits,
    Filtered,
    Malformed,
    Matches,
    Missing,
    Refused,
    Truncated,
    Unavailable,
)
from imagerag_chat.reading import (
    Named,
    read_caption,
    read_captions,
    read_comparison,
    read_concepts,
    read_edits,
    read_match,
    read_order,
    read_plan,
    read_review,
)

TROUBLE = (Refused, Filtered, Truncated, Malformed, Unavailable)
MOST = 4
NAMES = ["hedgehog", "red ball"]

SCRAPS = [
    *'{}[]":,\n',
    *("```", "```json\n", "yes", "No,", "but ", "None", "- ", "1. ", "1) ", "• ", "true", "false"),
    *('"match"', '"missing"', '"concept"', '"caption"', '"better"', '"order"', '"edits"', "null"),
    *(
        "hedgehog",
        "dog's bowl",
        "“",
        "”",
        "I'm sorry, but I can't",
        "help with that.",
        "<|image_1|>",
    ),
    *(
        "<img>",
        "\u202e",
        "\u200b",
        "\x00",
        "はい",
        "、",
        "不",
        "缺",
        "نعم",
        "Missing:",
        "|",
        "\\",
        "'",
    ),
    *(
        "<think>",
        "</think>",
        "Picture 2",
        "3",
        "Infinity",
        "//",
        "/*",
        "\ud800",
        "\u20e3",
        "**",
        "#",
    ),
]
texts = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(SCRAPS), max_size=40).map("".join),
    st.lists(st.sampled_from(SCRAPS), max_size=25).map(" ".join),
)
keys = st.sampled_from(
    [
        "match",
        "missing",
        "concepts",
        "captions",
        "concept",
        "caption",
        "note",
        "present",
        "better",
        "order",
        "edits",
        "instruction",
        "answer",
        "1",
        "x",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
answers = st.one_of(
    texts,
    values.map(json.dumps),
    values.map(lambda value: "```json\n" + json.dumps(value, ensure_ascii=False, indent=1)),
    values.map(repr),
    st.tuples(texts, values.map(json.dumps), texts).map("".join),
    values,
)


def assert_clean(*texts: str):
    for text in texts:
        assert text == clean(text, 1200)


def assert_concepts(concepts, most):
    assert len(concepts) <= most
    assert len({concept.name.casefold() for concept in concepts}) == len(concepts)
    for concept in concepts:
        assert_clean(concept.name, concept.caption)
        assert len(concept.name) <= 100
        assert len(concept.caption) <= 300


def assert_review(review):
    assert isinstance(review, (Matches, Missing, *TROUBLE))
    assert_clean(review.note)
    if isinstance(review, Missing):
        assert_concepts(review.concepts, MOST)
    if isinstance(review, Matches | Missing):
        seen = review.concepts if isinstance(review, Matches) else review.present
        assert_concepts(seen, 4 * MOST)


@settings(max_examples=100, deadline=2000)
@given(answers)
def test_a_review_or_plan_is_always_of_the_closed_union(answer):
    assert_review(read_review(answer, MOST))
    assert_review(read_plan(answer, MOST))


@settings(max_examples=80, deadline=2000)
@given(answers)
def test_the_three_calls_are_always_read(answer):
    match = read_match(answer)
    assert isinstance(match, (bool, *TROUBLE))
    named = read_concepts(answer, MOST)
    assert isinstance(named, (Named, *TROUBLE))
    if isinstance(named, Named):
        assert_concepts(named.concepts, MOST)
    captioned = read_captions(answer, NAMES)
    assert isinstance(captioned, (Named, *TROUBLE))
    if isinstance(captioned, Named):
        assert [concept.name for concept in captioned.concepts] == NAMES
        assert_concepts(captioned.concepts, len(NAMES))


@settings(max_examples=80, deadline=2000)
@given(answers, st.integers(0, 5))
def test_choices_and_sentences_are_always_read(answer, count):
    compared = read_comparison(answer)
    assert isinstance(compared, TROUBLE) or compared[0] in {"first", "second", "tie"}
    order = read_order(answer, count)
    assert isinstance(order, (Choice, *TROUBLE))
    if isinstance(order, Choice):
        assert set(order.order) <= set(range(count))
        assert len(set(order.order)) == len(order.order)
    caption = read_caption(answer)
    assert isinstance(caption, (str, *TROUBLE))
    if isinstance(caption, str):
        assert caption
        assert_clean(caption)
    edits = read_edits(answer, MOST)
    assert isinstance(edits, (Edits, *TROUBLE))
    if isinstance(edits, Edits):
        assert len(edits.instructions) <= MOST
        assert_clean(*edits.instructions)


concepts = st.lists(
    st.fixed_dictionaries(
        {
            "concept": st.from_regex(r"[a-z]{3,9} [a-z]{3,9}", fullmatch=True),
            "caption": st.from_regex(r"a photo of a [a-z]{3,9} on [a-z]{3,9}", fullmatch=True),
        }
    ),
    min_size=1,
    max_size=MOST,
    unique_by=lambda entry: entry["concept"],
)
wrappings = st.sampled_from(
    ["{}", "```json\n{}\n```", "```\n{}", "Here it is:\n\n{}\n\nI hope this helps!", "\ufeff{}\n"]
)


@settings(max_examples=100, deadline=2000)
@given(concepts, wrappings, st.sampled_from([None, 1, 4]), st.sampled_from([json.dumps, repr]))
def test_a_good_answer_is_read_in_any_wrapping(entries, wrapping, indent, written):
    value = {"match": False, "missing": entries, "present": [], "note": ""}
    text = json.dumps(value, indent=indent) if written is json.dumps else repr(value)
    review = read_review(wrapping.replace("{}", text), MOST)
    assert isinstance(review, Missing)
    assert [(c.name, c.caption) for c in review.concepts] == [
        (entry["concept"], entry["caption"]) for entry in entries
    ]


@settings(max_examples=100, deadline=2000)
@given(concepts, st.data())
def test_a_cut_off_answer_is_never_read_as_a_whole_one(entries, data):
    text = json.dumps({"match": False, "missing": entries, "present": [], "note": ""})
    cut = data.draw(st.integers(1, len(text) - 1))
    assert isinstance(read_review(text[:cut], MOST), Malformed)


@settings(max_examples=100, deadline=2000)
@given(
    st.lists(
        st.from_regex(r"[a-z]{3,9}('s)? [a-z]{3,9}", fullmatch=True),
        min_size=2,
        max_size=MOST,
        unique=True,
    ),
    st.sampled_from(["{}. ", "{}) ", "({}) ", "* ", "- ", "• ", "（{}）", "{}、"]),
    st.sampled_from(["", "Here are the missing concepts:\n\n", "Sure!\n"]),
)
def test_a_list_is_read_whatever_its_marks(names, mark, preamble):
    lines = [mark.format(number) + name for number, name in enumerate(names, start=1)]
    named = read_concepts(preamble + "\n".join(lines), MOST)
    assert isinstance(named, Named)
    assert [concept.name for concept in named.concepts] == names


@pytest.mark.parametrize("answer", [None, 3, b"yes", ["yes"], {"match": True}, object()])
def test_what_is_no_text_is_malformed(answer):
    assert isinstance(read_review(answer, MOST), Malformed)
    assert isinstance(read_match(answer), Malformed)


@pytest.mark.parametrize(
    "scrap",
    [
        "{",
        "[1,",
        '{"a":"',
        "'\" ",
        "1) a ",
        "- a\n",
        "“",
        "missing: ",
        "yes, ",
        "|a|b|\n",
        " ",
        "\\",
    ],
)
def test_no_text_takes_long_to_read(scrap):
    text = scrap * (99_000 // len(scrap))
    for read in (
        lambda: read_review(text, MOST),
        lambda: read_match(text),
        lambda: read_captions(text, NAMES),
        lambda: read_comparison(text),
        lambda: read_order(text, 3),
        lambda: read_edits(text, MOST),
    ):
        start = time.monotonic()
        read()
        assert time.monotonic() - start < 2
