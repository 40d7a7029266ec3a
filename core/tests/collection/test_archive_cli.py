"""`imagerag collection export` and `import` as a person and as a program use them."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from imagerag.cli.collection import collection
from imagerag.errors import CollectionError


@pytest.fixture
def run(
    tmp_path: Path, picture: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int]:
    """Return the command, with a collection "birds" of three pictures, one of them private."""
    monkeypatch.setenv("IMAGERAG_HOME", str(tmp_path / "home"))
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(picture(number))
    parser = argparse.ArgumentParser(prog="imagerag collection")
    collection(parser)

    def call(*words: object) -> int:
        arguments = parser.parse_args([str(word) for word in words])
        code: int = arguments.run(arguments)
        return code

    assert call("create", "birds", tmp_path / "0.png", tmp_path / "1.png") == 0
    assert call("add", "birds", tmp_path / "2.png", "--private") == 0
    return call


def test_a_collection_goes_out_and_comes_back(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", "birds", tmp_path / "birds.tar") == 0
    assert "3 images of 'birds' exported" in capsys.readouterr().out
    assert run("import", tmp_path / "birds.tar", "again") == 0
    assert "3 images imported into the collection 'again'" in capsys.readouterr().out
    assert run("list", "again", "--json") == 0
    assert [one["private"] for one in json.loads(capsys.readouterr().out)] == [False, False, True]
    with pytest.raises(CollectionError, match="ANOTHER-NAME"):
        run("import", tmp_path / "birds.tar", "again")


def test_private_images_can_be_left_out(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run("export", "birds", tmp_path / "birds.tar", "--no-private", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["images"], told["skipped"]) == (2, [])
    assert run("import", tmp_path / "birds.tar", "again", "--json") == 0
    assert json.loads(capsys.readouterr().out)["images"] == 2


def test_an_image_that_is_lost_gives_3(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    next((tmp_path / "home").rglob("*.png")).unlink()
    assert run("export", "birds", tmp_path / "birds.tar") == 3
    told = capsys.readouterr()
    assert "2 images" in told.out
    assert "skipped" in told.err
