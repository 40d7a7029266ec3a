"""A folder of images is read with what its tables say, and nothing outside it is touched."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from imagerag.collection import Collection
from imagerag.collection.filename import caption_of
from imagerag.collection.folder import FolderSource
from imagerag.collection.folder_config import FolderConfig
from imagerag.errors import CollectionError
from imagerag.roles import Context, Found


def no_component(role: str) -> None:
    raise AssertionError(role)


@pytest.fixture
def photos(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    folder = tmp_path / "photos"
    for number, name in enumerate(
        ["b.png", "a.png", "deep/er/red_fox_03.png", "deep/IMG_1234.png", ".hidden/x.png"]
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture(number))
    return folder


def read(folder: Path | str, **options: object) -> tuple[list[Found], dict[str, str]]:
    source = FolderSource(
        FolderConfig(**options),  # type: ignore[arg-type]
        Context(component=no_component, cache_dir=Path()),
    )
    found = list(source.find(str(folder)))
    return found, dict(source.problems)


def test_images_come_sorted_and_with_captions_from_names_that_read_like_words(
    photos: Path,
) -> None:
    found, problems = read(photos)
    assert [one.name for one in found] == [
        "a.png",
        "b.png",
        "deep/IMG_1234.png",
        "deep/er/red_fox_03.png",
    ]
    assert [one.caption for one in found] == ["", "", "", "red fox"]
    assert not problems
    assert [one.name for one in read(photos, recursive=False)[0]] == ["a.png", "b.png"]
    assert not any(one.caption for one in read(photos, names_as_captions=False)[0])


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("red_fox_03", "red fox"),
        ("Golden-Retriever2", "Golden Retriever"),
        ("IMG_1234", ""),
        ("DSC00012", ""),
        ("a3f9bc21d0", ""),
        ("photo (1)", ""),
        ("20240102", ""),
        ("Großer Tümmler", "Großer Tümmler"),
        ("刺猬_2", "刺猬"),
        ("WhatsApp Image 2024-01-02 at 10.11.12", ""),
    ],
)
def test_a_file_name_is_a_caption_only_where_it_reads_like_words(name: str, caption: str) -> None:
    assert caption_of(name) == caption


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.csv", "file_name,caption,licence,creator,source,tags\n{row}\n"),
        ("metadata.csv", "\ufefffile_name,text,license,author,url,keywords\r\n{row}\r\n"),
        ("my table.csv", "Image Path,Title,License,Artist,Link,Labels\n{row}\n\n\n"),
        ("semicolons.csv", "filename;Description;rights;credit;source_url;tags\n{semicolons}\n"),
    ],
)
def test_csv_tables_are_read_under_several_column_names(photos: Path, name: str, text: str) -> None:
    row = 'a.png,"a ""grey"" hedgehog, asleep",CC0,Ann,https://x.org/1,animal;spiny'
    semicolons = 'a.png;"a ""grey"" hedgehog, asleep";CC0;Ann;https://x.org/1;animal,spiny'
    (photos / name).write_text(text.format(row=row, semicolons=semicolons), "utf-8")
    found, problems = read(photos)
    first = found[0]
    assert first.caption == 'a "grey" hedgehog, asleep'
    assert (first.licence, first.creator, first.source) == ("CC0", "Ann", "https://x.org/1")
    assert first.tags == ("animal", "spiny")
    assert not problems


@pytest.mark.parametrize("name", ["metadata.jsonl", "captions.jsonl"])
def test_json_lines_are_read(photos: Path, name: str) -> None:
    rows = [
        {"file_name": "deep/er/red_fox_03.png", "text": "two\nlines", "tags": ["x", 3]},
        {"file_name": "a.png", "caption": "b", "license": None, "objects": {"bbox": [1]}},
    ]
    (photos / name).write_text("\n\n".join(map(json.dumps, rows)), "utf-8")
    found, problems = read(photos)
    assert [one.caption for one in found] == ["b", "", "", "two\nlines"]
    assert (found[3].tags, found[0].licence) == (("x", "3"), None)
    assert not problems


def test_a_table_in_a_folder_inside_counts_before_one_above(photos: Path) -> None:
    (photos / "captions.csv").write_text(
        "file,caption,licence\ndeep/IMG_1234.png,above,CC0\n", "utf-8"
    )
    (photos / "deep" / "metadata.csv").write_text("file,text\nIMG_1234.png,inside\n", "utf-8")
    found = {one.name: one for one in read(photos)[0]}["deep/IMG_1234.png"]
    assert (found.caption, found.licence) == ("inside", "CC0")


def test_defaults_fill_what_no_table_says(photos: Path) -> None:
    (photos / "captions.csv").write_text("file,licence\na.png,MIT\n", "utf-8")
    found, _ = read(photos, licence="CC0", creator="Ann", source="https://x.org")
    assert [one.licence for one in found[:2]] == ["MIT", "CC0"]
    assert {(one.creator, one.source) for one in found} == {("Ann", "https://x.org")}


ESCAPES = [
    "../secret.png",
    "/etc/passwd",
    "deep/../../secret.png",
    "..\\secret.png",
    "C:\\secret.png",
    "\\\\server\\x.png",
    "~/secret.png",
    "..",
]


@pytest.mark.parametrize("name", ESCAPES)
def test_names_that_leave_the_folder_are_reported(photos: Path, name: str) -> None:
    rows = [{"file_name": name, "text": "x"}, {"file_name": "a.png", "text": "good"}]
    (photos / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    found, problems = read(photos)
    assert "leaves the folder (line 1 of metadata.jsonl)" in problems[name]
    assert found[0].caption == "good"
    assert len(found) == 4


def test_absent_names_and_broken_lines_are_reported_and_the_rest_is_read(photos: Path) -> None:
    (photos / "metadata.jsonl").write_text(
        '{"file_name": "gone.png", "text": "x"}\n'
        "{broken\n" + "[" * 100_000 + "\n" + "3\n" + '{"file_name": "b.png", "text": "\\u0000b"}\n',
        "utf-8",
    )
    (photos / "captions.csv").write_bytes(
        b'file_name,text\n"a.png","a \x00 \xff caption"\nb.png\n,no name\n' + b"x" * 2_000_000
    )
    source = FolderSource(FolderConfig(), Context(component=no_component, cache_dir=Path()))
    found = list(source.find(str(photos)))
    reasons = [f"{name}: {reason}" for name, reason in source.problems]
    assert "gone.png: is named in metadata.jsonl but is not there" in reasons
    for line in (2, 3, 4):
        assert any(f"metadata.jsonl: line {line} cannot be read" in one for one in reasons)
    assert any("captions.csv: line 5 is longer" in one for one in reasons)
    assert found[0].caption == "a  � caption"


def test_a_table_of_something_else_is_passed_over(photos: Path) -> None:
    (photos / "numbers.csv").write_text("x,y\n1,2\n", "utf-8")
    (photos / "log.jsonl").write_text('{"event": "started"}\n', "utf-8")
    (photos / "empty.csv").touch()
    (photos / "notes.txt").write_text("hello", "utf-8")
    found, problems = read(photos)
    assert (len(found), problems) == (4, {})


def test_a_table_without_file_names_is_reported_where_it_is_meant_for_images(photos: Path) -> None:
    (photos / "captions.csv").write_text("a.png,a hedgehog\n", "utf-8")
    assert "no column of file names" in read(photos)[1]["captions.csv"]


def test_accents_match_however_they_are_written(
    photos: Path, picture: Callable[..., bytes]
) -> None:
    (photos / "cafe\u0301.png").write_bytes(picture(7))
    (photos / "caf\xe9s.png").write_bytes(picture(8))
    (photos / "captions.csv").write_text(
        "file,text\ncaf\xe9.png,one\ncafe\u0301s.png,two\n", "utf-8"
    )
    found, problems = read(photos)
    assert {"one", "two"} <= {one.caption for one in found}
    assert not problems


def test_a_file_named_in_a_table_needs_no_image_suffix(
    photos: Path, picture: Callable[..., bytes]
) -> None:
    (photos / "deep" / "scan").write_bytes(picture(7))
    (photos / "captions.csv").write_text("file,text\ndeep/scan,a map\n", "utf-8")
    assert "a map" in {one.caption for one in read(photos)[0]}
    long_name = "x" * 5000
    (photos / "metadata.csv").write_text(f"file,text\n{long_name},y\n", "utf-8")
    assert "not there" in read(photos)[1][long_name]


def test_links_are_followed_only_to_files_inside(
    photos: Path, tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    (tmp_path / "secret.png").write_bytes(picture(9))
    (tmp_path / "elsewhere").mkdir()
    (photos / "inside.png").symlink_to(photos / "a.png")
    (photos / "outside.png").symlink_to(tmp_path / "secret.png")
    (photos / "nowhere.png").symlink_to(tmp_path / "nothing.png")
    (photos / "circle.png").symlink_to(photos / "circle.png")
    (photos / "folder").symlink_to(tmp_path / "elsewhere")
    (photos / "loop").symlink_to(photos)
    found, problems = read(photos)
    assert [one.name for one in found][:3] == ["a.png", "b.png", "deep/IMG_1234.png"]
    assert {one.name for one in found} >= {"inside.png"}
    assert len(found) == 5
    assert problems.keys() == {"outside.png", "nowhere.png", "circle.png", "folder", "loop"}


def test_other_image_formats_are_named_and_skipped(photos: Path, collection: Collection) -> None:
    (photos / "moving.gif").write_bytes(b"GIF89a")
    (photos / "phone.heic").write_bytes(b"\x00\x00\x00\x18ftypheic")
    source = FolderSource(FolderConfig(), Context(component=no_component, cache_dir=Path()))
    report = collection.add(source.find(str(photos)))
    assert report.added == 4
    assert [name for name, _ in report.skipped] == ["moving.gif", "phone.heic"]


def test_a_collection_inside_the_folder_is_not_read(photos: Path) -> None:
    with Collection.create(photos / "mine") as made:
        made.add(read(photos)[0])
    assert len(read(photos)[0]) == 4


def test_one_image_file_can_be_named(photos: Path) -> None:
    (photos / "captions.csv").write_text("file,text\na.png,hedgehog\ngone.png,x\n", "utf-8")
    found, problems = read(photos / "a.png")
    assert [(one.name, one.caption) for one in found] == [("a.png", "hedgehog")]
    assert not problems


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="no folder or image"):
        read(tmp_path / "gone")


def test_reading_streams(photos: Path) -> None:
    source = FolderSource(FolderConfig(), Context(component=no_component, cache_dir=Path()))
    assert next(source.find(str(photos))).name == "a.png"
