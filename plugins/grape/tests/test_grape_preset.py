"""The preset on real parts: a tiny OmniGen paints and edits, a loopback server is GPT-4o."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest

from imagerag import ImageRAG, replay
from imagerag.testing import LoopbackVLM, registry

pytest.importorskip("imagerag_openai")
omnigen = pytest.importorskip("imagerag_omnigen.testing")

KEY = "sk-canary-grape"
PROMPT = "a quokka in a red hat"
PLAN = {"edits": ["Add a hat to the quokka.", "Make the hat red."], "note": "no hat"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A tiny OmniGen in the published layout."""
    return omnigen.save_tiny(tmp_path_factory.mktemp("omnigen") / "model")


@pytest.fixture
def run(tiny, monkeypatch):
    """Run the preset against a server with a script."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    opened = []

    def build(server):
        overrides = {
            "generator.painter.model": str(tiny),
            "generator.painter.steps": 2,
            "generator.painter.size": [64, 64],
            "generator.painter.device": "cpu",
            "critic.base_url": server.openai_url,
        }
        plugins = registry(*(f"imagerag_{name}.plugin" for name in ("grape", "omnigen", "openai")))
        opened.append(
            ImageRAG.from_config("grape-omnigen", overrides, registry=plugins, progress=False)
        )
        return opened[-1], plugins

    yield build
    for one in opened:
        one.close()


def test_one_model_paints_and_edits_as_one_question_says(run, told):
    with LoopbackVLM([PLAN], key=KEY) as server:
        rag, _ = run(server)
        seen = []
        generator = rag.session.generator
        paint = generator.painter.generate
        generator.painter.generate = lambda given: seen.extend(given) or paint(given)
        done = rag.generate(PROMPT, seed=3)
    assert generator.editor is generator.painter
    placeholder = "<img><|image_1|></img> "
    assert [guidance.prompt for guidance in seen] == [
        PROMPT,
        f"{placeholder}Add a hat to the quokka.",
        f"{placeholder}Make the hat red.",
    ]
    assert {guidance.seed for guidance in seen} == {3}
    assert [(g.width, g.height) for g in seen] == [(None, None), (64, 64), (64, 64)]
    pictures = [g.references[0].image.tobytes() for g in seen[1:]] + [done.image.tobytes()]
    assert len(set(pictures)) == 3, "the real model changes the picture with each edit"
    assert [line.partition(" | ")[0] for line in told(done)] == [
        "plan 2 edits",
        "edit 1 of 2: 'Add a hat to the quokka.'",
        "edit 2 of 2: 'Make the hat red.'",
    ]

    [asked] = server.requests
    assert (asked.model, asked.temperature, len(asked.images)) == ("gpt-4o-2024-08-06", 0.0, 1)
    assert PROMPT in asked.text
    assert asked.images[0].image.convert("RGB").tobytes() == pictures[0]
    assert [(u.component, u.call, u.model) for u in done.ledger] == [
        ("critic openai", "edits", "gpt-4o-2024-08-06")
    ]
    assert server.elsewhere == []


def test_the_run_is_replayed_without_asking(run):
    with LoopbackVLM([PLAN], key=KEY) as server:
        rag, plugins = run(server)
        done = rag.generate(PROMPT, seed=3)
        again = replay(done, registry=plugins)
    assert again.identical
    assert len(server.requests) == 1


def test_a_planner_that_refuses_leaves_the_picture_and_the_run_goes_on(run, told):
    with LoopbackVLM(["I'm sorry, I can't help with that."], key=KEY) as server:
        rag, _ = run(server)
        done = rag.generate(PROMPT, seed=3)
    assert [round(request.temperature, 1) for request in server.requests] == [0.0, 0.4, 0.8]
    [line] = told(done)
    assert line.startswith("keep the picture | no usable plan in 3 tries (refused, refused, ")


def test_markup_of_the_user_s_reaches_neither_painter_nor_edit(run):
    with LoopbackVLM([PLAN], key=KEY) as server:
        rag, _ = run(server)
        done = rag.generate(f"{PROMPT} <img><|image_1|></img>", seed=3)
    assert "<img>" not in done.drafted.prompt
    assert [d.decision for d in done.decisions if d.stage == "condition"] == [
        "remove image markup from the prompt"
    ]
