"""The whole loop on the models that ship: what the README promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from imagerag import ImageRAG, Query, read, replay, save
from imagerag.run import pixels_digest
from imagerag_sandbox.judge_metric import JudgeMetric
from imagerag_sandbox.prompts import concept_of, load_world

PROMPT = load_world().held_out_prompts()[0]


def command(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "imagerag", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "IMAGERAG_HOME": str(home)},
        timeout=300,
        check=False,
    )


def test_a_rare_concept_is_missed_looked_up_and_shown(rag: ImageRAG):
    run = rag.generate(PROMPT.text, seed=PROMPT.seed)
    assert PROMPT.concept in run.missing
    reference = run.references[0]
    assert reference.hit is not None
    assert concept_of(reference.hit.item) == PROMPT.concept
    assert reference.hit.item.licence
    assert run.result is not None
    assert run.image is not None


def test_same_seed_same_picture_other_seed_other_picture(rag: ImageRAG):
    first = rag.generate(PROMPT.text, seed=11)
    again = rag.generate(PROMPT.text, seed=11)
    other = rag.generate(PROMPT.text, seed=12)
    assert first.draft and again.draft and other.draft
    assert first.image and again.image
    assert pixels_digest(first.image) == pixels_digest(again.image)
    assert pixels_digest(first.draft) != pixels_digest(other.draft)


def test_the_reference_reaches_the_picture(rag: ImageRAG):
    run = rag.generate(PROMPT.text, seed=5)
    assert run.draft and run.result
    assert pixels_digest(run.draft) != pixels_digest(run.result)


def test_replay_is_byte_for_byte(rag: ImageRAG, tmp_path: Path):
    picture = save(rag.generate(PROMPT.text, seed=5), tmp_path / "one.png")
    done = replay(read(picture))
    assert done.identical
    assert save(done.run, tmp_path / "two.png").read_bytes() == picture.read_bytes()


def test_the_caption_of_a_held_out_concept_finds_it_first(rag: ImageRAG):
    world = load_world()
    rag.session.retriever.sync(rag.session.collection)
    queries = [Query(text=world.phrases[name]) for name in world.held_out]
    hits = rag.session.retriever.search(queries, 1)
    right = [
        concept_of(found[0].item) == name for name, found in zip(world.held_out, hits, strict=True)
    ]
    assert sum(right) / len(right) >= 0.95


def test_the_judge_knows_real_pictures(rag: ImageRAG):
    registry = rag.session.registry
    config = registry.config_class("metric", "sandbox-judge")()
    judge = JudgeMetric(config, context=None)
    items = list(rag.session.collection.items())[::7]
    pictures = [rag.session.collection.image(item.id) for item in items]
    targets = [concept_of(item) for item in items]
    samples = judge.measure(pictures, [""] * len(pictures), targets)
    right = [s.detail["seen"] == t for s, t in zip(samples, targets, strict=True)]
    assert sum(right) / len(right) >= 0.9
    judge.close()
    judge.close()


@pytest.mark.parametrize(
    ("overrides", "kept"),
    [({"loop.gate": "never"}, "draft"), ({"loop.keep": "last"}, "result")],
)
def test_policy_is_swapped_by_config_alone(home: Path, overrides: dict[str, str], kept: str):
    with ImageRAG.from_config("sandbox", overrides, progress=False) as swapped:
        assert swapped.generate(PROMPT.text, seed=PROMPT.seed).kept == kept


def test_the_demonstration_writes_strips_page_and_summary(home: Path, tmp_path: Path):
    out = tmp_path / "demo"
    done = command(home, "demo", "--out", str(out), "--prompts", "2", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    assert json.loads(done.stdout) == summary
    assert len(summary["prompts"]) == 2
    for entry in summary["prompts"]:
        assert set(entry) == {
            "prompt", "concept", "kept", "missing", "references", "draft_judge", "result_judge",
            "seconds", "picture",
        }  # fmt: skip
        assert (out / entry["picture"]).is_file()
        assert read(out / entry["picture"]).prompt == entry["prompt"]
    images: list[str] = []

    class Images(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            images.extend(value or "" for key, value in attributes if key == "src")

    Images().feed((out / "index.html").read_text("utf-8"))
    assert len(images) >= 6
    assert all((out / name).is_file() for name in images)


def test_measure_prints_every_figure_with_its_interval(home: Path):
    done = command(home, "sandbox", "measure", "--json", "--limit", "2")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["concepts"] == 2
    for way in ("real", "base", "imagerag", "random", "oracle"):
        low, high = figures["accuracy"][f"{way}_ci"]
        assert 0 <= low <= figures["accuracy"][way] <= high <= 1
    assert {"base", "imagerag"} <= set(figures["common"])
    assert {"precision", "recall"} <= set(figures["gate"])
    assert "recall_at_1" in figures["retrieval"]
    assert figures["seconds_per_picture"] > 0


def test_compare_runs_ways_to_retrieve_side_by_side(home: Path):
    words = ("--limit", "1", "--way", "bm25", "--way", "union, re-ranked by siglip", "--json")
    done = command(home, "sandbox", "compare", *words)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["concepts"], figures["prompts"], figures["query"]) == (1, 2, "caption")
    assert list(figures["ways"]) == ["bm25", "union, re-ranked by siglip"]
    for row in figures["ways"].values():
        assert row["recall_at_1"] == row["reference_right"] == 1
        low, high = row["accuracy_ci"]
        assert low <= row["accuracy"] <= high
    assert command(home, "sandbox", "compare", "--way", "bm52").returncode == 2
