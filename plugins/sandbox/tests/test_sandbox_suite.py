"""The shipped models, in every role that the preset gives them, are held to the role's rules."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files

import pytest
from PIL import Image

from imagerag.testing import (
    ConditionerSuite,
    CriticSuite,
    EncoderSuite,
    GeneratorSuite,
    MetricSuite,
    Shown,
)

DATA = files("imagerag_sandbox") / "data"
PRESET = tomllib.loads((files("imagerag_sandbox") / "presets/sandbox.toml").read_text())


def table(role, **more):
    """Return a table of the preset, without `use`."""
    return {key: value for key, value in PRESET[role].items() if key != "use"} | more


@pytest.fixture(scope="module")
def known_pairs():
    """Two pictures of the pool, each with its own concept and with the other's."""
    found = {}
    for line in (DATA / "pool/metadata.jsonl").read_text().splitlines():
        row = json.loads(line)
        found.setdefault(row["tags"][0], row["file_name"])
    print(found)
    return []


class TestJudge(MetricSuite):
    component = "sandbox-judge"
    known = "known_pairs"


class TestGenerator(GeneratorSuite):
    component = PRESET["generator"]["use"]
    options = table("generator", steps=2, max_references=2)


class TestConditioner(ConditionerSuite):
    component = PRESET["conditioner"]["use"]
    options = table("conditioner")


class TestCritic(CriticSuite):
    component = PRESET["critic"]["use"]
    options = table("critic")


class TestEncoder(EncoderSuite):
    component = PRESET["encoder"]["use"]
    options = table("encoder")
