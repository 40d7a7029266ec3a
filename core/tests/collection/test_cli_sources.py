"""Adding from sources by name: options, progress, what was skipped, and going on after Ctrl-C."""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imagerag.cli import collection_add
from imagerag.cli.collection import collection
from imagerag.cli.skipped import grouped
from imagerag.collection import Collection
from imagerag.collection.folder import FolderSource
from imagerag.collection.folder_config import FolderConfig
from imagerag.errors import CollectionError, ConfigError, ImageRAGError, UsageError
from imagerag.opening import open_or_create
from imagerag.registry import Registry
from imagerag.roles import Context, Found


@pytest.fixture
def photos(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.png").write_bytes(picture(number))
    (folder / "deep" / "3.png").write_bytes(picture(3))
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setenv("IMAGERAG_HOME", str(tmp_path / "home"))
    parser = argparse.ArgumentParser(prog="imagerag collection")
    collection(parser)

    def call(*words: object) -> int:
        arguments = parser.parse_args([str(word) for word in words])
        code: int = arguments.run(arguments)
        return code

    return call


def test_options_reach_the_source_by_name(
    run: Callable[..., int], photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("create", "flat", photos, "--source", "folder")
    assert run(*words, "--option", "recursive=false", "--option", "source=a shelf") == 0
    assert "3 added" in capsys.readouterr().out
    assert run("list", "flat", "--json") == 0
    items = json.loads(capsys.readouterr().out)
    assert {item["source"] for item in items} == {"a shelf"}


def test_wrong_options_and_sources_leave_nothing_behind(
    run: Callable[..., int], photos: Path, tmp_path: Path
) -> None:
    wrong: list[tuple[type[ImageRAGError], str, tuple[str, ...]]] = [
        (ConfigError, "Did you mean 'recursive'", ("--option", "recursiv=false")),
        (ConfigError, "recursive", ("--option", "recursive=maybe")),
        (UsageError, "KEY=VALUE", ("--option", "recursive")),
        (ImageRAGError, "'foldr'", ("--source", "foldr")),
    ]
    for kind, message, words in wrong:
        with pytest.raises(kind, match=message):
            run("create", "none", photos, *words)
        assert not (tmp_path / "home/collections/none").exists()


def test_what_was_skipped_is_told_by_reason(
    run: Callable[..., int], photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        (photos / f"broken-{number}.png").write_bytes(b"broken")
    (photos / "away.png").symlink_to(tmp_path)
    report = tmp_path / "reports/skipped.jsonl"
    assert run("create", "some", photos, "--report", report) == collection_add.PARTIAL
    out, err = capsys.readouterr()
    assert "4 added" in out
    assert "6 skipped" in out
    first = "broken-0.png, broken-1.png, broken-2.png"
    assert "skipped 5: is not a known image file" in err
    assert f"(the first: {first})" in err
    assert "skipped away.png: is a link to a folder" in err
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert len(lines) == 6
    assert [line["name"] for line in lines if "known image" in line["reason"]][4] == "broken-4.png"
    assert run("add", "some", photos, "--json") == collection_add.PARTIAL
    told = json.loads(capsys.readouterr().out)
    assert len(told["skipped"]) == 6
    assert [group["count"] for group in told["reasons"]] == [5, 1]


def test_reasons_that_differ_in_numbers_and_names_are_one() -> None:
    skipped = [
        ("a", "has 30.1 MB; at most 25 MB"),
        ("b", "has 3 MB; at most 25 MB"),
        ("c", "is 'x'"),
        ("d", "is 'y'"),
        ("e", "is 'z'"),
    ]
    groups = grouped(skipped)
    assert [(group.count, group.examples) for group in groups] == [
        (3, ("c", "d", "e")),
        (2, ("a", "b")),
    ]
    assert groups[1].reason == "has 30.1 MB; at most 25 MB"


def test_ctrl_c_keeps_what_was_taken_and_says_how_to_go_on(
    run: Callable[..., int],
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = FolderSource.find

    def interrupted(self: FolderSource, location: str) -> Iterator[Found]:
        for number, found in enumerate(whole(self, location)):
            if number == 2:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(FolderSource, "find", interrupted)
    words = ("--option", "recursive=true", "--licence", "CC0-1.0")
    assert run("create", "cut", photos, *words) == collection_add.INTERRUPTED
    err = capsys.readouterr().err
    assert "'cut' has 2 images, and keeps them" in err
    again = err.partition("with: imagerag collection ")[2].split()
    assert again[:2] == ["add", "cut"]
    monkeypatch.setattr(FolderSource, "find", whole)
    assert run(*again) == 0
    with Collection.open(tmp_path / "home/collections/cut") as made:
        assert len(made) == 4
        assert {item.licence for item in made.items()} == {"CC0-1.0"}


def test_the_bar_knows_how_many_images_there_are(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = FolderSource(FolderConfig(), Context(component=lambda role: None, cache_dir=tmp_path))
    (photos / ".hidden.png").write_bytes(b"")
    Collection.create(photos / "mine").close()
    assert source.count(str(photos)) == 4 == len(list(source.find(str(photos))))
    assert source.count(str(photos / "0.png")) == 1
    assert source.count(str(photos / "gone")) is None
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with collection_add._Bar(source, [str(photos), str(photos / "deep")]) as bar:
        assert bar._bar.total == 5
        bar.next_place()
        bar.progress("add", 4, 0)
        bar.next_place()
        bar.progress("add", 1, 0)
        assert bar._bar.n == 5
        assert "/5" in str(bar._bar)


def test_a_configuration_makes_its_collection_from_a_table_of_a_source(
    photos: Path, tmp_path: Path
) -> None:
    table = {"use": "folder", "location": str(photos), "recursive": False}
    registry = Registry()
    with open_or_create(str(tmp_path / "mine"), table, registry) as made:
        assert len(made) == 3
    with open_or_create(str(tmp_path / "mine"), {**table, "recursive": True}, registry) as again:
        assert len(again) == 3, "a collection that exists is opened, not filled"


def test_a_table_that_is_wrong_is_named_with_its_place(tmp_path: Path, photos: Path) -> None:
    from imagerag.config import load

    registry = Registry()
    file = tmp_path / "imagerag.toml"
    wrong = {
        'use = "folder"': "needs `location",
        'use = "folder"\nlocation = "x"\nrecursiv = true': "Did you mean 'recursive'",
        'location = "x"': "needs `use",
    }
    for text, message in wrong.items():
        file.write_text(f'collection = "a"\n[collection_from]\n{text}\n')
        with pytest.raises(ConfigError, match=rf"imagerag\.toml.*{message}"):
            load(file, registry)
    with pytest.raises(ConfigError, match="a folder, or a table"):
        load({"collection_from": 5}, registry)
    file.write_text(f'collection = "a"\n[collection_from]\nuse = "folder"\nlocation = "{photos}"\n')
    assert load(file, registry).resolved()["collection_from"]["location"] == str(photos)


def test_an_interrupted_creation_is_no_collection(photos: Path, tmp_path: Path) -> None:
    table = {"use": "folder", "location": str(photos / "gone")}
    with pytest.raises(CollectionError):
        open_or_create(str(tmp_path / "mine"), table, Registry())
    assert list(tmp_path.iterdir()) == [photos]
