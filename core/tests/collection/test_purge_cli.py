"""`imagerag collection purge` as a person and as a program use it."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from imagerag.cli.collection import collection
from imagerag.errors import CollectionError, UsageError


@pytest.fixture
def run(
    tmp_path: Path, picture: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int]:
    """Return the command, with a collection "birds" of four pictures."""
    monkeypatch.setenv("IMAGERAG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for number in range(4):
        (tmp_path / f"bird {number}.png").write_bytes(picture(number))
    parser = argparse.ArgumentParser(prog="imagerag collection")
    collection(parser)

    def call(*words: object) -> int:
        arguments = parser.parse_args([str(word) for word in words])
        code: int = arguments.run(arguments)
        return code

    assert call("create", "birds", *sorted(tmp_path.glob("*.png"))) == 0
    return call


@pytest.fixture
def ids(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    run("list", "birds", "--json")
    return [item["id"] for item in json.loads(capsys.readouterr().out)]


def test_some_hidden_and_all_images_are_purged(
    run: Callable[..., int], ids: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("purge", "birds", ids[0][:6]) == 0
    told = capsys.readouterr().out
    assert "1 purged" in told
    assert "'birds' has 3 images now" in told
    assert "Receipt: " in told
    assert run("remove", "birds", ids[1]) == 0
    capsys.readouterr()
    assert run("purge", "birds", "--removed", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["purged"], report["images"], report["problems"]) == (1, 2, [])
    assert json.loads(Path(report["receipt"]).read_text())["images"] == 1
    assert run("remove", "birds", ids[2]) == 0
    assert run("purge", "birds", "--all") == 0
    assert "2 purged" in capsys.readouterr().out
    assert run("purge", "birds", "--removed", "--json") == 0
    assert json.loads(capsys.readouterr().out)["receipt"] is None


def test_a_hidden_image_is_named_by_its_first_characters_too(
    run: Callable[..., int], ids: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run("remove", "birds", ids[0])
    assert run("purge", "birds", ids[0][:8]) == 0
    assert "1 purged" in capsys.readouterr().out


def test_adding_again_is_refused_until_it_is_allowed(
    run: Callable[..., int], ids: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("purge", "birds", ids[0])
    capsys.readouterr()
    again = tmp_path / "bird 0.png"
    assert run("add", "birds", again) == 1
    told = capsys.readouterr()
    assert "was purged on" in told.err
    assert "--allow-purged" in told.err
    assert run("add", "birds", again, "--allow-purged") == 0
    assert "1 added" in capsys.readouterr().out


@pytest.mark.parametrize("words", [(), ("--all", "--removed"), ("abcdef", "--all")])
def test_one_way_of_saying_which_is_needed(run: Callable[..., int], words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="Say which images to purge"):
        run("purge", "birds", *words)


def test_unclear_ids_are_refused(run: Callable[..., int], ids: list[str]) -> None:
    with pytest.raises(UsageError, match="too short"):
        run("purge", "birds", ids[0][:5])
    with pytest.raises(CollectionError, match="fits no image"):
        run("purge", "birds", "0" * 64)
