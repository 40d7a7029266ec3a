"""Recorded shapes of answers are read as what they mean.

`answers/*.json` holds them; add yours there. An entry has a unique `name`, the `call` that was
answered, the `answer` (a text, or {"before", "repeat", "times", "after"} for a very long one), what
the reading depends on (`most` concepts, `names` that were asked about, `count` of pictures), and
`expect`: the `kind` of the outcome, and whichever of its fields matter.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from imagerag.values import Choice, Edits, Matches, Missing
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

FOLDER = Path(__file__).parent / "answers"
CASES = [
    (f"{path.stem}: {case['name']}", case)
    for path in sorted(FOLDER.glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))
]
SECONDS = 2.0
"""Most time for one answer, the longest and most hostile included; they take milliseconds."""


def read(case):
    answer, most = case["answer"], case.get("most", 8)
    if isinstance(answer, dict):
        middle = answer["repeat"] * answer["times"]
        answer = answer.get("before", "") + middle + answer.get("after", "")
    return {
        "review": lambda: read_review(answer, most),
        "match": lambda: read_match(answer),
        "concepts": lambda: read_concepts(answer, most),
        "captions": lambda: read_captions(answer, case["names"]),
        "plan": lambda: read_plan(answer, most),
        "compare": lambda: read_comparison(answer),
        "caption": lambda: read_caption(answer),
        "choose": lambda: read_order(answer, case["count"]),
        "edits": lambda: read_edits(answer, most),
    }[case["call"]]()


def told(read):
    """Return a reading as the corpus writes it."""
    if isinstance(read, bool):
        return {"kind": read}
    if isinstance(read, str):
        return {"kind": "text", "text": read}
    if isinstance(read, tuple):
        return {"kind": read[0], "note": read[1]}
    if isinstance(read, Named):
        return {
            "kind": "concepts",
            "concepts": [concept.name for concept in read.concepts],
            "captions": [concept.caption for concept in read.concepts],
        }
    if isinstance(read, Choice):
        return {"kind": "order", "order": list(read.order), "note": read.note}
    if isinstance(read, Edits):
        return {"kind": "edits", "edits": list(read.instructions), "note": read.note}
    found = {"kind": type(read).__name__.lower(), "note": read.note}
    if isinstance(read, Missing):
        found["concepts"] = [[concept.name, concept.caption] for concept in read.concepts]
        found["present"] = [concept.name for concept in read.present]
    if isinstance(read, Matches):
        found["present"] = [concept.name for concept in read.concepts]
    return found


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[name for name, _ in CASES])
def test_an_answer_is_read_as_what_it_means(case):
    start = time.monotonic()
    found = told(read(case))
    assert time.monotonic() - start < SECONDS
    assert {key: found.get(key) for key in case["expect"]} == case["expect"]


def test_the_corpus_is_large_and_every_name_is_unique():
    assert len(CASES) >= 300
    assert len({name for name, _ in CASES}) == len(CASES)
