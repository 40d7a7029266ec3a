"""Manifests, image folders, WebDataset and img2dataset, read from miniatures."""

from __future__ import annotations

import json

import pytest

from imagerag.errors import CollectionError

# --- manifests ------------------------------------------------------------------------------------


def test_a_table_names_files_and_what_is_known_of_them(listed, miniatures):
    found, problems = listed("manifest", miniatures / "manifest/list.csv")
    kite, boat = found
    assert (kite.name, kite.caption) == ("kite.jpg", "a red, large kite")
    assert (kite.licence, kite.creator, kite.source) == ("CC0-1.0", "Ann", "https://example.com/k")
    assert kite.tags == ("kite", "red", "split:train")
    assert (boat.licence, boat.creator, boat.tags) == (None, None, ("split:test",))
    assert problems == {}


def test_a_split_of_a_table(listed, miniatures):
    found, _ = listed("manifest", miniatures / "manifest/list.csv", split="test")
    assert [one.name for one in found] == ["inner/boat.jpg"]


def test_json_lines_and_other_names_of_columns(listed, miniatures):
    found, _ = listed("manifest", miniatures / "manifest/list.jsonl")
    assert [(one.caption, one.creator) for one in found] == [("a kite", "Bo"), ("a boat", None)]


def test_columns_and_root_may_be_named(listed, put, picture, tmp_path):
    put(tmp_path / "data/a.jpg", picture(1))
    table = put(tmp_path / "tables/t.tsv", "where\tblip\ttext\na.jpg\tan owl\tno\n")
    found, _ = listed("manifest", table, root="../data", file="where", caption="blip")
    assert [(one.name, one.caption) for one in found] == [("a.jpg", "an owl")]


def test_damaged_rows_are_told_by_line_and_the_others_are_read(listed, put, picture, tmp_path):
    put(tmp_path / "a.jpg", picture(1))
    put(tmp_path / "b.jpg", picture(2))
    text = '{"file_name": "a.jpg"}\n{"file_name": \n[1]\n\n"x"\n{"caption": "no file"}\n'
    table = put(tmp_path / "t.jsonl", text + "[" * 100_000 + '\n{"file_name": "b.jpg"}\n')
    found, problems = listed("manifest", table)
    assert [one.name for one in found] == ["a.jpg", "b.jpg"]
    assert set(problems) == {
        *(f"t.jsonl, line {n}" for n in (2, 3, 5, 7)),
        "t.jsonl, row 6",
    }


def test_quotes_that_never_close_end_with_their_row(listed, put, picture, tmp_path):
    put(tmp_path / "a.jpg", picture(1))
    put(tmp_path / "b.jpg", picture(2))
    rest = "x\n" * 1500
    table = put(tmp_path / "t.csv", f'file_name,caption\na.jpg,"two\nlines"\nb.jpg,"open\n{rest}')
    found, problems = listed("manifest", table)
    assert [(one.name, one.caption) for one in found] == [("a.jpg", "two\nlines")]
    assert any("quotes stay open" in reason for reason in problems.values())


def test_a_table_without_file_names_says_what_it_has(listed, put, tmp_path):
    table = put(tmp_path / "t.csv", "a,b\n1,2\n")
    with pytest.raises(CollectionError, match="it has: a, b"):
        listed("manifest", table)


def test_without_pyarrow_the_error_says_what_to_install(listed, put, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    table = put(tmp_path / "t.parquet", b"PAR1")
    with pytest.raises(CollectionError, match=r"pip install 'imagerag-datasets\[parquet\]'"):
        listed("manifest", table)


@pytest.fixture
def parquet(tmp_path):
    """Return `write(name, rows)`, which writes a Parquet file with small row groups."""
    pytest.importorskip("pyarrow")
    import pyarrow.parquet

    def write(name, rows):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=2)
        return path

    return write


def test_parquet_rows_name_files(listed, parquet, put, picture, tmp_path):
    for number in range(5):
        put(tmp_path / f"{number}.jpg", picture(number))
    rows = [{"file_name": f"{n}.jpg", "caption": f"kite {n}", "tags": ["x"]} for n in range(5)]
    found, problems = listed("manifest", parquet("t.parquet", rows))
    assert [one.caption for one in found] == [f"kite {n}" for n in range(5)]
    assert found[0].tags == ("x",)
    assert problems == {}


def test_parquet_rows_hold_images_as_hugging_face_stores_them(listed, parquet, picture):
    rows = [
        {"image": {"bytes": picture(1), "path": "a.jpg"}, "text": "a kite", "label": 3},
        {"image": {"bytes": picture(2), "path": "../../x"}, "text": "", "label": 4},
    ]
    found, _ = listed("manifest", parquet("t.parquet", rows))
    assert [one.name for one in found] == [
        "t.parquet/000000001/a.jpg",
        "t.parquet/000000002/000000002",
    ]
    assert [one.data for one in found] == [picture(1), picture(2)]
    assert found[0].tags == (), "the number of a class says nothing"


def test_a_damaged_parquet_file_is_told(listed, parquet, put, picture, tmp_path):
    put(tmp_path / "0.jpg", picture(0))
    path = parquet("t.parquet", [{"file_name": "0.jpg", "caption": "x" * 500}] * 9)
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + bytes(200) + whole[240:])
    found, problems = listed("manifest", path)
    assert len(found) <= 1
    assert any("cannot be read" in reason for reason in problems.values())
    path.write_bytes(whole[: len(whole) // 2])
    found, problems = listed("manifest", path)
    assert found == []
    assert any("cannot be read" in reason for reason in problems.values())


# --- image folders --------------------------------------------------------------------------------


def test_rows_come_first_and_then_the_images_without_one(listed, miniatures):
    found, problems = listed("imagefolder", miniatures / "imagefolder")
    assert [(one.name, one.caption, one.tags) for one in found] == [
        ("train/two.jpg", "a red kite", ("kite", "split:train")),
        ("train/one.jpg", "a photo of a boat", ("boat", "split:train")),
        (
            "test/golden_retriever/1.jpg",
            "a photo of a golden retriever",
            ("golden retriever", "split:test"),
        ),
        ("test/owl/2.jpg", "a photo of an owl", ("owl", "split:test")),
    ]
    assert found[0].licence == "CC0-1.0"
    assert problems == {}


def test_a_split_of_an_image_folder(listed, miniatures):
    found, _ = listed("imagefolder", miniatures / "imagefolder", split="test", labels=False)
    assert [(one.name, one.caption) for one in found] == [
        ("test/golden_retriever/1.jpg", ""),
        ("test/owl/2.jpg", ""),
    ]


@pytest.mark.parametrize("table", ["metadata.csv", "metadata.parquet"])
def test_other_forms_of_metadata(listed, parquet, put, picture, tmp_path, table):
    put(tmp_path / "valid/in/a.jpg", picture(1))
    if table.endswith(".csv"):
        put(tmp_path / "valid/metadata.csv", "file_name,text\nin/a.jpg,an owl\ngone.jpg,\n")
    else:
        parquet(
            "valid/metadata.parquet",
            [{"file_name": f, "text": "an owl"} for f in ("in/a.jpg", "gone.jpg")],
        )
    found, problems = listed("imagefolder", tmp_path)
    assert [(one.name, one.caption, one.tags) for one in found] == [
        ("valid/in/a.jpg", "an owl", ("split:validation",))
    ]
    assert problems == {"valid/gone.jpg": "is not there"}


def test_archives_in_an_image_folder_are_told(listed, put, picture, tmp_path):
    put(tmp_path / "a.jpg", picture(1))
    put(tmp_path / "train.zip", b"PK")
    found, problems = listed("imagefolder", tmp_path)
    assert len(found) == 1
    assert "archive" in problems["train.zip"]


# --- WebDataset -----------------------------------------------------------------------------------


def test_members_that_share_a_key_are_a_sample(listed, miniatures, picture):
    found, problems = listed(
        "webdataset", miniatures / "webdataset", classes=str(miniatures / "webdataset/classes.txt")
    )
    first, second, third = found
    assert first.name == "shard-000000.tar/000.jpg"
    assert (first.caption, first.licence, first.creator) == ("a red kite", "CC-BY-4.0", "Ann")
    assert (first.data, first.path) == (picture(50), None)
    assert (second.caption, second.tags) == ("a photo of a black swan", ("black swan",))
    assert (third.name, third.caption) == ("shard-000001.tar.gz/a/002.seg.png", "an owl")
    assert problems == {}


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("shard-{000000..000001}.tar", 2),
        ("shard-000000.tar::{root}/shard-000001.tar.gz", 3),
        ("shard-00000{0.tar,1.tar.gz}", 3),
        ("shard-000000.tar", 2),
    ],
)
def test_patterns_of_shards(listed, miniatures, pattern, count):
    root = miniatures / "webdataset"
    location = f"{root}/{pattern}".replace("{root}", str(root))
    found, problems = listed("webdataset", location)
    assert len(found) == count
    missing = {"shard-000001.tar": "is not there"} if ".." in pattern else {}
    assert problems == missing


@pytest.mark.parametrize(
    "pattern",
    ["s-{9..0}.tar", "s-{0..99999999}.tar", "{0..9999}{0..9999}", "{1..1" + "0" * 30 + "}"],
)
def test_patterns_without_end_are_refused(listed, tmp_path, pattern):
    with pytest.raises(CollectionError):
        listed("webdataset", tmp_path / pattern)


def test_samples_without_an_image_and_second_images_are_told(listed, tar, picture, tmp_path):
    members = {"a.txt": "only text", "b.jpg": picture(1), "b.png": picture(2, "PNG"), "b.TXT": "x"}
    found, problems = listed("webdataset", tar(tmp_path / "s.tar", members))
    assert [(one.name, one.caption) for one in found] == [("s.tar/b.jpg", "x")]
    assert problems == {
        "s.tar/a": "is a sample without an image",
        "s.tar/b.png": "is a further image of its sample; the first one counts",
    }


# --- img2dataset ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["files", "webdataset", "parquet"])
def test_every_output_format_of_img2dataset(listed, source, parquet, miniatures, picture, form):
    if form == "parquet":
        rows = [
            {
                "jpg": picture(60 + n),
                "caption": f"kite {n}",
                "url": f"https://example.com/{n}.jpg",
                "key": f"{n:09d}",
                "status": "success",
            }
            for n in range(2)
        ]
        rows.append({**rows[0], "jpg": None, "key": "000000002", "status": "failed_to_download"})
        place = parquet("out/00000.parquet", rows).parent
    else:
        place = miniatures / f"img2dataset-{form}"
    found, problems = listed("img2dataset", place)
    assert [(one.caption, one.source) for one in found] == [
        (f"kite {n}", f"https://example.com/{n}.jpg") for n in range(2)
    ]
    contents = [one.data or one.path.read_bytes() for one in found]
    assert contents == [picture(60), picture(61)]
    failed = {"00000.parquet, 000000002"} if form == "parquet" else set()
    assert set(problems) == failed
    assert source("img2dataset").count(str(place)) == (None if form == "parquet" else 2)


def test_json_that_is_none_says_nothing(listed, put, picture, tmp_path):
    put(tmp_path / "00000/000000000.jpg", picture(1))
    put(tmp_path / "00000/000000000.json", "[" * 100_000)
    put(tmp_path / "00000/000000001.jpg", picture(2))
    put(tmp_path / "00000/000000001.json", json.dumps(["caption", "x"]))
    found, problems = listed("img2dataset", tmp_path)
    assert [one.caption for one in found] == ["", ""]
    assert problems == {}
