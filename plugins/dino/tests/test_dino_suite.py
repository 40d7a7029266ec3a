"""The metric is held to the rules of its role."""

from __future__ import annotations

import pytest

from imagerag.testing import MetricSuite, Shown


@pytest.fixture(scope="module")
def with_references(dino_folder, pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    for number, name in enumerate(("owl", "top hat")):
        (folder / name).mkdir()
        pictures[number].save(folder / name / "0.png")
    return {"model": str(dino_folder), "references": str(folder)}


@pytest.fixture(scope="module")
def known_pairs(pictures):
    """The real picture of a target is more like it than the other one."""
    owl, hat = pictures[:2]
    return [
        (Shown(owl, target="owl"), Shown(hat, target="owl")),
        (Shown(hat, target="top hat"), Shown(owl, target="top hat")),
    ]


class TestDino(MetricSuite):
    component = "dino"
    options = "with_references"
    known = "known_pairs"
