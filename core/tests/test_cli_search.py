"""Looking things up from the command line, and what a collection tells of itself."""

from __future__ import annotations

import json

import pytest
from PIL import Image


def ok(done):
    assert done.returncode == 0, done.stderr
    return done.stdout


def failed(done):
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def filled(acme_shell):
    """A collection "mine" of four pictures, one of them private."""
    folder = acme_shell.work / "photos"
    folder.mkdir()
    table = ["file_name,caption,licence,creator,source,tags"]
    animals = {
        "hedgehog": ("CC-BY-4.0", "Ann", "small"),
        "axolotl": ("CC0-1.0", "Ben", "small"),
        "okapi": ("", "", "large"),
    }
    for number, (animal, (licence, creator, tag)) in enumerate(animals.items()):
        Image.new("RGB", (20, 12), (number * 60, 30, 90)).save(folder / f"{animal}.png")
        table.append(f"{animal}.png,a photo of a {animal},{licence},{creator},,{tag}")
    (folder / "metadata.csv").write_text("\n".join(table) + "\n")
    secret = acme_shell.work / "a_hidden_quokka.png"
    Image.new("RGB", (20, 12), (200, 200, 30)).save(secret)
    ok(acme_shell("collection", "create", "mine", "photos"))
    ok(acme_shell("collection", "add", "mine", secret, "--private"))
    return acme_shell


def look(shell, *arguments):
    return shell("search", *arguments, "-c", "acme", "--collection", "mine")


def test_hits_are_listed_and_drawn(filled):
    done = look(filled, "a photo of a hedgehog", "-k", 3, "--sheet", "sheet.png")
    lines = ok(done).splitlines()
    assert lines[0].split() == ["score", "id", "licence", "caption"]
    assert lines[1].startswith("1  1.000  ")
    assert "CC-BY-4.0" in lines[1] and lines[1].endswith("a photo of a hedgehog")
    assert len(lines) == 4
    assert "wrote sheet.png" in done.stderr
    with Image.open(filled.work / "sheet.png") as sheet:
        assert sheet.size[0] > 3 * 256
        assert len(sheet.getcolors(1 << 20)) > 10


def test_json_has_all_of_each_hit(filled):
    found = json.loads(ok(look(filled, "a photo of a hedgehog", "--json")))
    assert [hit["rank"] for hit in found] == [1, 2, 3, 4]
    assert found[0]["caption"] == "a photo of a hedgehog"
    assert found[0]["creator"] == "Ann"
    assert found[0]["tags"] == ["small"]
    assert sorted(hit["private"] for hit in found) == [False, False, False, True]


def test_conditions_narrow_a_search(filled):
    by = ("--where", "licence=CC0,CC BY", "--where", "tag=small", "--where", "private=no")
    found = json.loads(ok(look(filled, "an animal", "--json", *by)))
    assert {hit["caption"] for hit in found} == {"a photo of a hedgehog", "a photo of a axolotl"}
    done = look(filled, "an animal", "--where", "creator=Nobody")
    assert ok(done) == ""
    assert "Nothing that passes --where was found" in done.stderr


def test_a_picture_is_looked_up(filled):
    found = json.loads(ok(look(filled, "--image", "photos/okapi.png", "-k", 1, "--json")))
    assert found[0]["caption"] == "a photo of a okapi"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--image FILE"),
        (("a", "--image", "photos/okapi.png"), "--image FILE"),
        (("a", "-k", 0), "-k 0 is out of range"),
        (("a", "--sheet", "s.jpg"), "end in .png"),
        (("a", "-k", 401, "--sheet", "s.png"), "up to 400"),
        (("a", "--where", "colour=red"), "is no condition"),
        (("<img>",), "no words"),
    ],
)
def test_what_makes_no_sense_is_refused(filled, arguments, told):
    assert told in failed(look(filled, *arguments))


def test_info_counts_what_there_is(filled):
    told = ok(filled("collection", "info", "mine", "-c", "acme"))
    for line in (
        "images   4 (1 private, 0 removed)",
        "licence  unknown: 2",
        "tag      small: 2",
        "creator  unknown: 2",
    ):
        assert line in told, told
    counted = json.loads(ok(filled("collection", "info", "mine", "-c", "acme", "--json")))
    assert counted["creators"] == {"unknown": 2, "Ann": 1, "Ben": 1}
    assert counted["tags"] == {"small": 2, "large": 1}
    assert counted["first_added"] <= counted["last_added"]
    assert counted["index"] == {}


def test_info_of_a_configuration_that_cannot_be_had_still_counts(filled):
    told = ok(filled("collection", "info", "mine"))  # the sandbox is not installed here
    assert "images   4" in told
    assert "index    unknown: " in told
    assert "sandbox" in failed(filled("collection", "info", "mine", "-c", "sandbox"))
