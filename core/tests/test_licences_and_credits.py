"""What a reference must be licensed as, and whom a picture owes."""

from __future__ import annotations

import pytest
from PIL import Image

from imagerag import Collection, read, save
from imagerag.collection import resolve
from imagerag.record import strip
from imagerag.roles import Found

PROMPT = "a hedgehog on a green background"


@pytest.fixture
def licensed(home, tmp_path):
    """A collection named "pool": {licence: id}."""
    with Collection.create(resolve("pool"), "pool") as collection:
        for number, licence in enumerate(["CC-BY-NC-4.0", "CC BY 4.0", None, "CC0-1.0"]):
            file = tmp_path / f"{number}.png"
            Image.new("RGB", (9, 9), (number * 50, 9, 9)).save(file)
            about = {"caption": "a photo of a hedgehog", "licence": licence, "creator": "Ann"}
            tags = ("even",) if number % 2 == 0 else ()
            source = f"https://example.org/{number}"
            collection.add([Found(file.name, file, source=source, tags=tags, **about)])
        return {item.licence: item.id for item in collection.items()}


def test_only_required_licences_are_used(rag, licensed, reasons):
    run = rag(require_licence=["CC-BY", "MIT"]).generate(PROMPT)
    assert [r.digest for r in run.references] == [licensed["CC BY 4.0"]]
    assert reasons(run, "retrieve") == [
        "leave images without such a licence out: 3 that came up; [loop] require_licence = "
        "CC-BY, MIT; unknown is none of them"
    ]


def test_a_licence_that_nothing_has_makes_the_loop_abstain(rag, licensed, reasons):
    run = rag(require_licence=["MIT"]).generate(PROMPT)
    assert run.references == ()
    assert run.kept == "draft"
    held, abstained = reasons(run, "retrieve")
    assert held.startswith("leave images without such a licence out: 4 that came up")
    assert abstained == "abstain for 'a photo of a hedgehog': nothing was found"


def test_where_narrows_what_is_used(rag, licensed, reasons):
    run = rag(where={"tags": ["even"], "licences": ["CC-BY-NC"]}).generate(PROMPT)
    assert [r.digest for r in run.references] == [licensed["CC-BY-NC-4.0"]]
    assert reasons(run, "retrieve") == [
        "leave other images out: 3 that came up; [loop] where: licence=CC-BY-NC  tag=even"
    ]


def test_nothing_is_told_where_nothing_was_held_back(rag, licensed, reasons):
    run = rag(where={"private": False, "creators": ["ann"]}).generate(PROMPT)
    assert run.references
    assert reasons(run, "retrieve") == []


def test_a_record_with_a_filter_reads_back_and_replays(rag, licensed, plugins):
    from imagerag import Run, replay

    run = rag(where={"added_after": "2001-01-01", "tags": ["even"]}).generate(PROMPT)
    assert run.config["loop"]["where"]["added_after"] == "2001-01-01"
    assert replay(Run.from_json(run.to_json()), registry=plugins).identical


@pytest.mark.parametrize(
    ("loop", "told"),
    [
        ({"where": {"licenses": ["CC0"]}}, "licenses"),
        ({"where": {"private": "maybe"}}, "private"),
        ({"where": {"added_after": "soon"}}, "'soon' is no date"),
    ],
)
def test_a_wrong_filter_is_an_error_that_names_it(rag, licensed, loop, told):
    from imagerag.errors import ConfigError

    with pytest.raises(ConfigError, match=told):
        rag(**loop)


@pytest.fixture
def picture(rag, licensed, tmp_path):
    """A picture that was painted with a reference, saved."""
    run = rag(require_licence=["CC-BY"]).generate(PROMPT)
    return save(run, tmp_path / "out" / "hog.png")


def test_credits_lie_beside_a_picture(picture, licensed):
    text = picture.with_name("hog.credits.txt").read_text()
    for line in (
        "Credits of the picture hog.png",
        "creator: Ann",
        "licence: CC BY 4.0",
        "source:  https://example.org/1",
        f"sha256:  {licensed['CC BY 4.0']}",
    ):
        assert line in text


def test_a_picture_without_a_record_owes_as_much(rag, licensed, tmp_path):
    run = rag().generate(PROMPT)
    save(run, tmp_path / "bare.png", metadata=False)
    assert "creator: Ann" in (tmp_path / "bare.credits.txt").read_text()
    save(run, tmp_path / "none.png", metadata=False, credit=False)
    assert [p.name for p in tmp_path.glob("none.*")] == ["none.png"]


def test_taking_the_record_out_leaves_the_credits(picture, tmp_path):
    bare = strip(picture, tmp_path / "bare.png")
    assert "creator: Ann" in bare.with_name("bare.credits.txt").read_text()
    assert "bare.png" in bare.with_name("bare.credits.txt").read_text()
    assert not strip(picture, tmp_path / "x.png", credit=False).with_name("x.credits.txt").exists()
    # A picture of some other program owes nobody that we know of.
    Image.new("RGB", (2, 2)).save(tmp_path / "other.png")
    strip(tmp_path / "other.png")
    assert not (tmp_path / "other.credits.txt").exists()


def test_credits_of_a_picture_that_was_replaced_go_with_it(rag, picture):
    draft = rag(gate="never").generate(PROMPT)
    credit = picture.with_name("hog.credits.txt")
    save(draft, picture)
    assert not credit.exists()
    credit.write_text("my own notes\n")
    save(draft, picture)
    assert credit.read_text() == "my own notes\n"


def test_unknown_stays_unknown_in_credits(rag, licensed, tmp_path):
    run = rag(where={"tags": ["even"]}, images_per_concept=2).generate(PROMPT)
    text = save(run, tmp_path / "two.png").with_name("two.credits.txt").read_text()
    assert "licence: unknown; ask before you share the picture" in text
    assert "2. shown as" in text


def test_credits_of_a_private_image_say_who_and_not_where(rag, home, tmp_path):
    file = tmp_path / "secret.png"
    Image.new("RGB", (9, 9), "red").save(file)
    with Collection.create(resolve("pool"), "pool") as collection:
        one = Found("secret", file, None, "a photo of a hedgehog", "CC-BY-4.0", "Ann", str(file))
        collection.add([one], private=True)
    run = rag().generate(PROMPT)
    assert run.kept_painting.references[0].private
    path = save(run, tmp_path / "hog.png")
    text = path.with_name("hog.credits.txt").read_text()
    assert "creator: Ann" in text and "source:  a private image" in text
    assert "secret.png" not in text and run.references[0].digest not in text
    assert read(path).rounds[0].lookups[0].hits[0]["private"] is True


def test_what_is_given_is_read_as_a_file_is(rag, licensed, tmp_path):
    """Transparency is laid on white, 16 bits become 8, and EXIF turns a picture upright."""
    from imagerag.selection import personal_reference

    clear = Image.new("RGBA", (6, 4), (200, 0, 0, 0))
    grey = Image.new("I;16", (6, 4), 40_000)
    palette = Image.new("P", (6, 4), 0)
    palette.info["transparency"] = 0
    turned = Image.new("RGB", (6, 4), "red")
    turned.getexif()[0x0112] = 6
    for number, picture in enumerate([clear, grey, palette, turned]):
        file = tmp_path / f"given-{number}.png"
        picture.save(file, exif=picture.getexif())
        in_memory = personal_reference(picture, "x").image
        assert in_memory.mode == "RGB"
        assert in_memory.tobytes() == personal_reference(file, "x").image.tobytes()
        assert in_memory.size == personal_reference(file, "x").image.size


def test_a_run_without_a_filter_asks_nothing_of_items(rag, licensed):
    from imagerag.sieve import Sieve

    assert Sieve(rag().session).where is None
