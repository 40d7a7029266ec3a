"""A tiny Qwen2.5-VL of the very class: random, and one that has learnt lessons by heart."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from imagerag.roles import Context
from imagerag.values import Usage
from imagerag_chat import Question, questions
from imagerag_vlm.config import VLMConfig
from imagerag_vlm.critic import VLMCritic
from imagerag_vlm.testing import save_tiny, teach

Make = Callable[..., VLMCritic]
Made = dict[str, VLMCritic]

SPENT: list[Usage] = []

HEDGEHOG, FERRY = "a hedgehog in a top hat", "a red ferry"
DEFAULTS = VLMConfig()
MOST, TOKENS = DEFAULTS.max_concepts, DEFAULTS.max_tokens

PIECES = (
    '{"concept": "',
    '", "caption": "a photo of a ',
    '"missing": [',
    '"present": [',
    ', "note": "',
)
"""Pieces of the answers, one token each: a third of the time to learn them."""


def plain_picture(colour: str, size: tuple[int, int] = (56, 56)) -> Image.Image:
    return Image.new("RGB", size, colour)


RED, GREEN, BLUE = map(plain_picture, ("red", "lime", "blue"))


def concept(name: str) -> dict[str, str]:
    return {"concept": name, "caption": f"a photo of a {name}"}


def lessons() -> list[tuple[Question, str]]:
    """Questions as the critic asks them, with the answer to each."""
    lacking = {"match": False, "present": ["hat"], "note": "no animal"}
    fine = {"match": True, "missing": [], "present": [], "note": "all there"}
    answers = [
        (
            questions.review(RED, HEDGEHOG, MOST, TOKENS),
            {**lacking, "missing": [concept("hedgehog"), concept("top hat")]},
        ),
        (questions.review(BLUE, HEDGEHOG, MOST, TOKENS), fine),
        (questions.review(RED, FERRY, MOST, TOKENS), fine),
        (
            questions.review(BLUE, FERRY, MOST, TOKENS),
            {**lacking, "present": [], "missing": [concept("ferry")]},
        ),
        (
            questions.compare(HEDGEHOG, RED, BLUE, TOKENS),
            {"better": "second", "note": "it has a hedgehog"},
        ),
        (
            questions.compare(HEDGEHOG, BLUE, RED, TOKENS),
            {"better": "first", "note": "it has a hedgehog"},
        ),
        (questions.match(RED, HEDGEHOG, TOKENS), {"match": False, "note": "no animal"}),
        (questions.concepts(RED, HEDGEHOG, MOST, TOKENS), {"concepts": ["hedgehog"], "note": ""}),
        (questions.captions(["hedgehog"], HEDGEHOG, TOKENS), {"captions": [concept("hedgehog")]}),
        (
            questions.plan(HEDGEHOG, MOST, TOKENS),
            {"concepts": [concept("hedgehog")], "note": "an animal"},
        ),
        (questions.choose(HEDGEHOG, [RED, GREEN, BLUE], TOKENS), {"order": [3, 2], "note": ""}),
        (questions.choose(HEDGEHOG, [BLUE, GREEN, RED], TOKENS), {"order": [1, 2], "note": ""}),
        (
            questions.edits(RED, HEDGEHOG, MOST, TOKENS),
            {"edits": ["Add a hedgehog under the hat."], "note": ""},
        ),
        (questions.caption(RED, TOKENS), "A plain red field."),
        (questions.caption(BLUE, TOKENS), "A plain blue field."),
    ]
    return [
        (question, answer if isinstance(answer, str) else json.dumps(answer))
        for question, answer in answers
    ]


def phrases(taught: list[tuple[Question, str]]) -> list[str]:
    """Return the lines that questions are made of, but for those that hold a prompt."""
    asked = [question for question, _ in taught]
    lines = [line for question in asked for line in question.text.splitlines()]
    long = [line for line in lines if len(line) > 20 and "<prompt>" not in line]
    return [*{question.system for question in asked}, *long, *PIECES]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model's folder, as on the hub but tiny."""
    return save_tiny(tmp_path_factory.mktemp("published") / "tiny")


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that has learnt `lessons`."""
    folder = save_tiny(tmp_path_factory.mktemp("published") / "taught", phrases(lessons()))
    assert teach(folder, lessons(), enough=0.01) < 0.05
    return folder


@pytest.fixture(scope="session")
def made() -> Iterator[Made]:
    """Critics by their options, shared by tests: closing one takes a third of a second."""
    critics: Made = {}
    yield critics
    critics.clear()


@pytest.fixture
def ledger(made: Made) -> list[Usage]:
    """What the critics of a test spend."""
    SPENT.clear()
    return SPENT


@pytest.fixture
def make(tiny: Path, made: Made, ledger: list[Usage]) -> Make:
    """Give critics, of the random model where nothing else is said; `fresh` ones are new."""

    def component(role: str) -> None:
        raise AssertionError(f"nobody should ask for the {role}")

    def build(folder: Path = tiny, *, fresh: bool = False, **options: object) -> VLMCritic:
        given = {"model": str(folder), "device": "cpu", **options}
        name = repr(sorted(given.items()))
        if fresh or name not in made:
            context = Context(component, None, spend=SPENT.append)
            made[name] = VLMCritic(VLMConfig(**given), context)
        return made[name]

    return build
