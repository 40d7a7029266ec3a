"""Saving, reading, replaying and stripping."""

from __future__ import annotations

import copy
import json
import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from imagerag import ImageRAGError, Run, read, replay, save, story_strip, strip, tell
from imagerag.collection import Collection
from imagerag.errors import CollectionError, ImageError, RecordError
from imagerag.png_text import chunks
from imagerag.record import KEYWORD, png_bytes
from imagerag.run import Painted
from imagerag.values import Guidance

PROMPT = "a hedgehog on a green background"


@pytest.fixture
def run(rag, pool):
    """A run whose result is kept."""
    made = rag().generate(PROMPT, seed=3)
    assert made.kept == "result"
    return made


@pytest.fixture
def picture(run, tmp_path):
    return save(run, tmp_path / "out" / "picture.png")


def pixels(path):
    with Image.open(path) as image:
        return image.tobytes()


def text_inside(path):
    with Image.open(path) as image:
        image.load()
        return image.text


def kinds(path):
    return [kind for kind, _ in chunks(path.read_bytes())]


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(path, kind, body):
    """Put a chunk behind the header of a PNG."""
    data = path.read_bytes()
    path.write_bytes(data[:33] + chunk(kind, body) + data[33:])


def itxt(text, packed=True):
    content = zlib.compress(text) if packed else text
    return KEYWORD.encode() + b"\0" + bytes([packed, 0]) + b"\0\0" + content


# Saving and reading


def test_the_record_is_beside_and_inside_the_picture(run, picture):
    beside = json.loads(picture.with_suffix(".json").read_text())
    assert (
        beside == json.loads(text_inside(picture)[KEYWORD]) == json.loads(json.dumps(run.to_json()))
    )
    assert b"iTXt" in kinds(picture)


@pytest.mark.parametrize("suffix", [".png", ".json"])
def test_a_record_reads_back_equal(run, picture, suffix):
    again = read(picture.with_suffix(suffix))
    assert again.to_json() == run.to_json()
    assert again.drafted == run.drafted
    assert again.rounds[0].painted == run.rounds[0].painted


def test_every_kind_of_run_reads_back_equal(rag, pool, tmp_path):
    for number, arguments in enumerate(
        (
            {"critic": {"answers": ["matches"]}},
            {"critic": {"answers": ["refused"]}},
            {"gate": "never"},
            {"gate": "prompt"},
            {"min_score": 9},
            {"rounds": 3, "critic": {"better": "a"}},
        )
    ):
        made = rag(**arguments).generate(PROMPT, size=(9, 7))
        path = save(made, tmp_path / f"{number}.png")
        assert read(path).to_json() == made.to_json()


def test_the_picture_is_the_kept_one(run, picture):
    assert pixels(picture) == run.image.tobytes()


def test_the_suffix_becomes_png_and_folders_are_made(run, tmp_path):
    assert save(run, tmp_path / "a" / "b" / "c.jpg") == tmp_path / "a" / "b" / "c.png"


def test_nothing_else_is_left_in_the_folder(picture):
    assert sorted(p.name for p in picture.parent.iterdir()) == [
        "picture.credits.txt",
        "picture.json",
        "picture.png",
    ]


def test_without_metadata_there_is_no_record(run, tmp_path):
    path = save(run, tmp_path / "plain.png", metadata=False)
    assert set(kinds(path)) == {b"IHDR", b"IDAT", b"IEND"}
    assert not path.with_suffix(".json").exists()
    with pytest.raises(RecordError, match="carries no run record"):
        read(path)


def test_a_picture_without_record_is_read_from_the_json_beside_it(run, picture):
    strip(picture)
    assert read(picture).to_json() == run.to_json()


def test_the_json_of_another_picture_is_not_believed(rag, pool, picture):
    other = rag().generate(PROMPT, seed=4)
    save(other, picture, metadata=False)
    with pytest.raises(RecordError, match="that of another picture"):
        read(picture)


def test_a_run_without_its_picture_cannot_be_saved(picture, tmp_path):
    with pytest.raises(RecordError, match="Replay it first"):
        save(read(picture), tmp_path / "x.png")


def test_a_place_that_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ImageRAGError, match="cannot be written"):
        save(run, tmp_path / "file" / "x.png")


def test_a_record_of_megabytes_reads_back(run, tmp_path):
    run.versions["long"] = "".join(chr(33 + (i * i) % 90) for i in range(3_000_000))
    path = save(run, tmp_path / "long.png")
    assert read(path).versions == run.versions


# Replaying


def test_a_replay_is_the_same_file_byte_for_byte(picture, plugins, tmp_path):
    done = replay(read(picture), registry=plugins)
    assert done.identical
    assert done.changed_versions == ()
    again = save(done.run, tmp_path / "again.png")
    assert again.read_bytes() == picture.read_bytes()
    json_again, json_first = again.with_suffix(".json"), picture.with_suffix(".json")
    assert json_again.read_bytes() == json_first.read_bytes()


def test_a_replay_asks_neither_critic_nor_index(picture, plugins, pool, home, more_pools):
    more_pools("pool", ["a photo of a hedgehog hedgehog"], private=True)
    record = read(picture)
    record.config["critic"]["answers"] = ["matches"]
    assert replay(record, registry=plugins).identical


def test_what_a_generator_decided_while_it_painted_is_kept_for_the_replay(run):
    picture = run.image.copy()
    picture.info["imagerag"] = {"edits": ["add a hat"]}
    guidance = Guidance("a hedgehog", 1, options={"scale": 0.5})
    assert Painted.of(guidance, picture).options == {"scale": 0.5, "edits": ["add a hat"]}


def test_a_draft_is_replayed_as_a_draft(rag, pool, plugins, tmp_path):
    made = rag(critic={"better": "a"}).generate(PROMPT)
    done = replay(read(save(made, tmp_path / "x.png")), registry=plugins)
    assert done.identical
    assert done.run.kept == "draft"


def test_a_changed_version_is_reported(picture, plugins):
    record = read(picture)
    assert record.versions["generator.model"] == "acme-7"
    record.versions["generator.model"] = "acme-6"
    done = replay(record, registry=plugins)
    assert done.changed_versions == (("generator.model", "acme-6", "acme-7"),)


def test_other_pixels_are_reported(picture, plugins):
    record = read(picture)
    record.config["generator"]["width"] = 9
    assert not replay(record, registry=plugins).identical


def test_a_reference_that_was_removed_is_named_with_its_source(picture, plugins, pool, home):
    with Collection.open(home / "collections" / "pool") as collection:
        file = collection.file(pool["a photo of a hedgehog"])
        collection.remove([pool["a photo of a hedgehog"]])
    with pytest.raises(RecordError, match=r"no longer in the collection.*https://example\.org/x"):
        replay(read(picture), registry=plugins)
    assert replay(read(picture), images=[file], registry=plugins).identical


def test_a_collection_that_is_gone_is_named(picture, plugins, monkeypatch, tmp_path):
    monkeypatch.setenv("IMAGERAG_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(CollectionError, match="no collection 'pool'"):
        replay(read(picture), registry=plugins)


def test_personal_images_must_be_given_again(rag, pool, plugins, tmp_path):
    mine = tmp_path / "mine.png"
    Image.new("RGB", (7, 5), (1, 2, 3)).save(mine)
    path = save(rag().generate(PROMPT, images=[mine]), tmp_path / "x.png")
    with pytest.raises(RecordError, match=r"an image of yours .*--image FILE"):
        replay(read(path), registry=plugins)
    assert replay(read(path), images=[mine], registry=plugins).identical


def test_a_picture_given_in_memory_can_be_replayed_from_a_file(rag, pool, plugins, tmp_path):
    mine = Image.new("RGB", (7, 5), (1, 2, 3))
    path = save(rag().generate(PROMPT, images=[mine]), tmp_path / "x.png")
    mine.save(tmp_path / "mine.png")
    assert replay(read(path), images=[tmp_path / "mine.png"], registry=plugins).identical


def test_another_picture_is_not_taken_for_the_personal_one(rag, pool, plugins, tmp_path):
    mine, other = Image.new("RGB", (7, 5)), Image.new("RGB", (7, 5), (9, 9, 9))
    path = save(rag().generate(PROMPT, images=[mine]), tmp_path / "x.png")
    with pytest.raises(RecordError, match="an image of yours"):
        replay(read(path), images=[other], registry=plugins)


def test_a_strangers_record_makes_no_collection_of_a_folder(picture, plugins, home, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    Image.new("RGB", (5, 5)).save(secret / "mine.png")
    record = read(picture)
    record.config |= {"collection": "stolen", "collection_from": str(secret)}
    with pytest.raises(CollectionError):
        replay(record, registry=plugins)
    assert not (home / "collections" / "stolen").exists()


# Stripping


def test_strip_leaves_pixels_alone(run, picture):
    with_chunk(picture, b"tEXt", b"Author\0me")
    with_chunk(picture, b"eXIf", b"MM\0*\0\0\0\x08\0\0\0\0\0\0")
    picture.write_bytes(picture.read_bytes() + b"behind the picture")
    strip(picture)
    assert set(kinds(picture)) == {b"IHDR", b"IDAT", b"IEND"}
    assert not picture.read_bytes().endswith(b"behind the picture")
    assert pixels(picture) == run.image.tobytes()
    assert PROMPT.encode() not in picture.read_bytes()


def test_strip_can_write_elsewhere(picture, tmp_path):
    before = picture.read_bytes()
    out = strip(picture, tmp_path / "new" / "plain.png")
    assert set(kinds(out)) == {b"IHDR", b"IDAT", b"IEND"}
    assert picture.read_bytes() == before


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_strip_keeps_the_colours_of_every_mode(tmp_path, mode):
    image = Image.effect_mandelbrot((12, 9), (-2, -1.5, 1, 1.5), 60)
    if mode == "P":
        image = Image.merge("RGB", (image, image.rotate(90, expand=False), image)).quantize(16)
    else:
        image = image.convert("I").convert(mode) if mode == "I;16" else image.convert(mode)
    path = tmp_path / "x.png"
    image.save(path)
    strip(path)
    wanted = image.convert("RGB") if mode == "P" else image
    assert pixels(path) == wanted.tobytes()
    assert set(kinds(path)) == {b"IHDR", b"IDAT", b"IEND"}


def test_strip_of_something_else_changes_nothing(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(b"not a picture")
    with pytest.raises(ImageError):
        strip(path)
    assert path.read_bytes() == b"not a picture"


# Damage and hostility


def test_a_newer_format_is_refused_with_the_next_command(run):
    with pytest.raises(RecordError, match=r"format 4.*pip install --upgrade imagerag"):
        Run.from_json({**run.to_json(), "format": 4})


def mangle(record, path, value):
    changed = copy.deepcopy(record)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


HOSTILE_VALUES = [
    (("format",), "1"),
    (("format",), None),
    (("prompt",), 5),
    (("prompt",), None),
    (("seed",), "1"),
    (("kept",), "both"),
    (("kept_round",), 7),
    (("kept_round",), -1),
    (("kept_round",), None),
    (("size",), [1]),
    (("size",), "ab"),
    (("drafted",), []),
    (("drafted", "width"), 10**9),
    (("drafted", "references"), [{}]),
    (("rounds",), {}),
    (("rounds",), [5]),
    (("rounds", 0, "answers"), [{"kind": "x"}]),
    (("rounds", 0, "answers", 0, "missing"), [{"name": {}}]),
    (("rounds", 0, "lookups", 0, "hits"), [{"score": "high"}]),
    (("rounds", 0, "lookups", 0, "hits", 0, "score"), float("nan")),
    (("rounds", 0, "painted"), None),
    (("rounds", 0, "painted", "extra"), 1),
    (("decisions",), [{"stage": [], "decision": 1, "reason": None}]),
    (("seconds",), "abc"),
    (("seconds", "draft"), "long"),
    (("versions",), ["a"]),
    (("versions", "imagerag"), 3),
    (("config",), None),
]


@pytest.mark.parametrize(("path", "value"), HOSTILE_VALUES)
def test_a_record_of_another_form_is_refused(run, path, value):
    record = run.to_json()
    record["drafted"] = json.loads(json.dumps(record["drafted"]))
    record = json.loads(json.dumps(record))
    changed = mangle(record, path, value)
    if path == ("kept_round",) and value is None:
        changed["drafted"] = None
    with pytest.raises(RecordError):
        Run.from_json(changed)


@pytest.mark.parametrize("key", ["prompt", "seed", "rounds", "drafted", "config", "format"])
def test_a_record_with_a_part_missing_is_refused(run, key):
    record = run.to_json()
    del record[key]
    with pytest.raises(RecordError):
        Run.from_json(record)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
KEYS = ["format", "prompt", "kept", "kept_round", "rounds", "drafted", "seconds", "config", "size"]


@given(st.dictionaries(st.sampled_from(KEYS), JSON, min_size=1))
@hypothesis_settings(deadline=None)
def test_any_json_is_a_record_or_refused(values):
    with pytest.raises(RecordError):
        Run.from_json(values)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "null", '"x"', "{}", "[" * 100_000, "1" * 5000, "\x00"]
)
@pytest.mark.parametrize("where", ["beside", "inside"])
def test_a_damaged_record_is_a_record_error(picture, tmp_path, text, where):
    path = tmp_path / "x.json"
    if where == "beside":
        path.write_text(text)
    else:
        path = strip(picture, tmp_path / "x.png")
        with_chunk(path, b"iTXt", itxt(text.encode()))
    with pytest.raises(RecordError):
        read(path)


@pytest.mark.parametrize(
    "body",
    [
        KEYWORD.encode() + b"\0",
        KEYWORD.encode() + b"\0\1\0",
        KEYWORD.encode() + b"\0\1\0\0\0not compressed",
        itxt(b"\xff\xfe", packed=False),
        itxt(b" " * (17 * 1024 * 1024)),
    ],
)
def test_a_hostile_text_chunk_is_a_record_error(picture, body):
    strip(picture)
    with_chunk(picture, b"iTXt", body)
    with pytest.raises(RecordError):
        read(picture)


def bomb():
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


HOSTILE_FILES = {
    "empty": lambda data: b"",
    "text": lambda data: b"hello",
    "signature alone": lambda data: data[:8],
    "cut in the header": lambda data: data[:20],
    "cut in the middle": lambda data: data[: len(data) // 2],
    "no end": lambda data: data[:-12],
    "a bit flipped": lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
    "a huge chunk": lambda data: data[:33] + b"\xff\xff\xff\xff" + data[37:],
    "a GIF": lambda data: b"GIF89a" + data[6:],
    "a bomb": lambda data: bomb(),
}


@pytest.mark.parametrize("kind", HOSTILE_FILES)
def test_a_damaged_picture_is_an_image_error(picture, kind):
    picture.write_bytes(HOSTILE_FILES[kind](picture.read_bytes()))
    with pytest.raises(ImageError):
        strip(picture)
    picture.with_suffix(".json").unlink()
    with pytest.raises((ImageError, RecordError)):
        read(picture)


def test_every_flipped_bit_is_noticed(picture):
    data = picture.read_bytes()
    for position in range(0, len(data), 7):
        picture.write_bytes(data[:position] + bytes([data[position] ^ 4]) + data[position + 1 :])
        with pytest.raises(ImageRAGError):
            read(picture)


@pytest.mark.parametrize("name", ["no-such.png", "no-such.json", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    with pytest.raises(ImageRAGError, match=r"no-such|cannot be read"):
        read(tmp_path / name)


def test_the_same_picture_and_record_give_the_same_bytes(run):
    record = run.to_json()
    assert png_bytes(run.image, record) == png_bytes(
        run.image.copy(), dict(reversed(record.items()))
    )


def test_a_picture_with_a_palette_keeps_its_colours():
    picture = Image.new("RGB", (4, 4), (200, 10, 10)).quantize(4)
    read_back = Image.open(BytesIO(png_bytes(picture, None))).convert("RGB")
    assert read_back.getpixel((0, 0)) == (200, 10, 10)


def test_metadata_of_a_generators_picture_is_not_taken_over(run):
    info = PngImagePlugin.PngInfo()
    info.add_text("secret", "path")
    buffer = BytesIO()
    run.image.save(buffer, "PNG", pnginfo=info)
    assert b"secret" not in png_bytes(Image.open(buffer), None)


# What is told


def test_a_planted_key_is_in_no_artefact(rag, pool, tmp_path, monkeypatch, caplog):
    canary = "sk-canary-0123456789"
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "ACME_KEY"):
        monkeypatch.setenv(name, canary)
    made = rag().generate(PROMPT)
    save(made, tmp_path / "out" / "x.png")
    story_strip(made).save(tmp_path / "out" / "strip.png")
    (tmp_path / "out" / "story.txt").write_text(tell(made))
    (tmp_path / "out" / "log.txt").write_text(caplog.text + repr(made))
    files = [
        path
        for folder in ("out", "home", "cache")
        for path in (tmp_path / folder).rglob("*")
        if path.is_file()
    ]
    assert len(files) > 8
    for path in files:
        assert canary.encode() not in path.read_bytes(), path
    assert canary not in str(text_inside(tmp_path / "out" / "x.png"))


def test_the_story_names_what_matters(run, picture):
    for told in (tell(run), tell(read(picture))):
        for part in (PROMPT, "seed 3", "hedgehog", "CC0-1.0", "by Ann", "https://example.org/x"):
            assert part in told
        for decision in run.decisions:
            assert decision.reason in told


def test_the_story_of_every_kind_of_run_can_be_told(rag, pool):
    mine = Image.new("RGB", (4, 4))
    for arguments in (
        {"critic": {"answers": ["matches"]}},
        {"critic": {"answers": ["refused"]}},
        {"gate": "prompt"},
        {"gate": "never"},
        {"rounds": 2, "critic": {"answers": ["missing: a", "missing: b"]}},
    ):
        made = rag(**arguments).generate(PROMPT, images=[mine])
        assert made.kept in tell(made)
        sheet = story_strip(made)
        assert sheet.mode == "RGB"
        assert sheet.height > 256


def test_unknown_stays_unknown():
    from imagerag.story import credit

    assert credit({}) == "by unknown creator, unknown licence"
