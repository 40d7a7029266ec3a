"""The world that ships, and the prompts drawn from it."""

from __future__ import annotations

import json
from pathlib import Path

from imagerag.resources import local
from imagerag_sandbox.intervals import wilson
from imagerag_sandbox.prompts import load_world

DATA = Path(local("package:imagerag_sandbox/data"))


def test_at_least_forty_of_two_hundred_concepts_are_held_out():
    world = load_world()
    assert len(set(world.concepts)) == len(world.concepts) >= 200
    assert len(set(world.held_out)) == len(world.held_out) >= 40
    assert set(world.held_out) < set(world.concepts)
    assert not set(world.common) & set(world.held_out)


def test_prompts_are_fixed_by_their_seed():
    world = load_world()
    assert world.held_out_prompts(seed=3) == world.held_out_prompts(seed=3)
    assert world.held_out_prompts(seed=3) != world.held_out_prompts(seed=4)
    assert world.held_out_prompts(5, seed=3) == world.held_out_prompts(seed=3)[:10]


def test_every_held_out_concept_has_two_prompts_on_two_backgrounds():
    prompts = load_world().held_out_prompts()
    by_concept = {name: [p for p in prompts if p.concept == name] for name in load_world().held_out}
    assert all(len({p.background for p in pair}) == 2 for pair in by_concept.values())


def test_common_prompts_ask_for_what_the_generator_knows():
    world = load_world()
    prompts = world.common_prompts(100)
    assert len(prompts) == 100
    assert not {p.concept for p in prompts} & set(world.held_out)


def test_every_pool_picture_has_licence_creator_and_source():
    lines = (DATA / "pool" / "metadata.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) >= 3 * len(load_world().concepts)
    for row in rows:
        assert row["licence"] and row["creator"] and row["source"]
        assert (DATA / "pool" / row["file_name"]).is_file()


def test_weights_are_safetensors_and_small():
    files = [path for path in DATA.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 40_000_000
    assert not [p for p in files if p.suffix in {".bin", ".pt", ".pth", ".ckpt", ".pkl"}]


def test_the_interval_holds_the_share_and_narrows_with_more_concepts():
    low, high = wilson(0.5, 10)
    narrower = wilson(0.5, 1000)
    assert 0 < low < narrower[0] < 0.5 < narrower[1] < high < 1
    assert wilson(0.0, 40)[0] == 0.0
    assert 0 < wilson(0.0, 40)[1] < 0.1
    assert wilson(0.0, 0) == (0.0, 1.0)
