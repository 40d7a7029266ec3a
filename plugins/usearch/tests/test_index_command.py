"""The retriever inside a session, and `imagerag index` on the command line."""

import argparse
import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagerag.cli.index import index
from imagerag.collection import Collection
from imagerag.registry import Registry
from imagerag.session import Session
from imagerag.testing import registry
from imagerag.values import Query

CONFIG = """
collection = "{collection}"
[encoder]
use = "hashing"
[retriever]
use = "usearch"
kind = "hnsw"
"""


def test_a_session_builds_it_from_a_configuration(
    collection: Collection, fill: Callable[..., None]
) -> None:
    fill(collection, range(6))
    config = {
        "collection": str(collection.path),
        "encoder": {"use": "hashing"},
        "retriever": {"use": "usearch", "dtype": "f32"},
    }
    with Session.from_config(config, registry=registry("imagerag_usearch.plugin")) as session:
        assert session.retriever.sync(session.collection) == 6
        hits = session.retriever.search([Query(text="picture 3")], 4)[0]
        assert len(hits) == 4
        assert session.retriever.versions()["kind"] == "exact"


@pytest.fixture
def run(
    tmp_path: Path, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int]:
    plugins = ["imagerag.builtin", "imagerag.testing.plugin", "imagerag_usearch.plugin"]
    points = [importlib.metadata.EntryPoint(name, name, "imagerag") for name in plugins]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **wanted: points)
    file = tmp_path / "imagerag.toml"
    file.write_text(CONFIG.format(collection=collection.path), "utf-8")
    parser = argparse.ArgumentParser(prog="imagerag index")
    index(parser)
    parser.set_defaults(registry=Registry())

    def call(*words: str) -> int:
        arguments = parser.parse_args(["--config", str(file), *words])
        code: int = arguments.run(arguments)
        return code

    return call


def test_index_builds_reports_and_then_has_nothing_to_do(
    run: Callable[..., int],
    collection: Collection,
    fill: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    fill(collection, range(5))
    assert run() == 0
    assert "5 changes applied" in capsys.readouterr().out
    assert run("--json") == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (report["applied"], report["images"], report["skipped"]) == (0, 5, [])


def test_index_names_unreadable_images_and_ends_with_3(
    run: Callable[..., int],
    collection: Collection,
    fill: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    fill(collection, range(5))
    broken = next(collection.items()).id
    collection.file(broken).write_bytes(b"")
    assert run() == 3
    assert f"skipped {broken[:12]}" in capsys.readouterr().err


def test_index_can_name_another_collection(
    run: Callable[..., int],
    tmp_path: Path,
    fill: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Collection.create(tmp_path / "other") as other:
        fill(other, range(2))
    assert run("--collection", str(tmp_path / "other"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["applied"] == 2
