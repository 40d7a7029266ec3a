"""`imagerag collection` as a person and as a program use it."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from imagerag.cli.collection import collection
from imagerag.errors import CollectionError, UsageError
from imagerag.registry import Registry


@pytest.fixture
def photos(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(picture(number))
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setenv("IMAGERAG_HOME", str(tmp_path / "home"))
    parser = argparse.ArgumentParser(prog="imagerag collection")
    collection(parser)
    registry = Registry()

    def call(*words: object) -> int:
        arguments = parser.parse_args([str(word) for word in words])
        arguments.registry = registry  # as `imagerag` itself hands it to every command
        code: int = arguments.run(arguments)
        return code

    return call


def test_create_add_list_info_remove(
    run: Callable[..., int], photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("list") == 0
    assert "no collections" in capsys.readouterr().out
    assert run("create", "birds", photos, "--licence", "CC0") == 0
    assert "3 added" in capsys.readouterr().out
    assert run("add", "birds", photos) == 0
    assert "3 unchanged" in capsys.readouterr().out
    assert run("list") == 0
    assert "birds  3" in capsys.readouterr().out
    assert run("list", "birds", "--json") == 0
    ids = [item["id"] for item in json.loads(capsys.readouterr().out)]
    assert run("info", "birds") == 0
    assert "CC0: 3" in capsys.readouterr().out
    assert run("remove", "birds", ids[0][:6], ids[1]) == 0
    assert "2 removed" in capsys.readouterr().out
    assert run("info", "birds", "--json") == 0
    assert json.loads(capsys.readouterr().out)["items"] == 1
    assert run("remove", "birds", "--all", "--json") == 0
    assert json.loads(capsys.readouterr().out)["images"] == 0


def test_skipped_images_give_3_and_none_at_all_gives_1(
    run: Callable[..., int], photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "broken.png").write_bytes(b"broken")
    assert run("create", "birds", photos) == 3
    out, err = capsys.readouterr()
    assert "1 skipped" in out
    assert "skipped broken.png: is not a known image file" in err
    assert run("create", "none", photos / "broken.png", "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["skipped"][0]["name"] == "broken.png"


def test_private_and_creator_are_kept(
    run: Callable[..., int], photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("create", photos.parent / "mine", photos, "--private", "--creator", "Ann") == 0
    capsys.readouterr()
    assert run("list", photos.parent / "mine", "--json", "--limit", 2) == 0
    items = json.loads(capsys.readouterr().out)
    assert [(item["private"], item["creator"]) for item in items] == [(True, "Ann")] * 2


def test_wrong_use_is_explained(run: Callable[..., int], photos: Path) -> None:
    with pytest.raises(CollectionError, match="no folder or image"):
        run("create", "birds", photos / "gone")
    run("create", "birds", photos)
    with pytest.raises(CollectionError, match="Did you mean 'birds'"):
        run("info", "bird")
    with pytest.raises(UsageError, match="too short"):
        run("remove", "birds", "abc")
    with pytest.raises(CollectionError, match="fits no image"):
        run("remove", "birds", "zzzzzz")
    for words in (["remove", "birds"], ["remove", "birds", "abcdef", "--all"]):
        with pytest.raises(UsageError, match="--all"):
            run(*words)
