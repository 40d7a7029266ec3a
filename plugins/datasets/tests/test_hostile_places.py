"""Tables that name what is none of their business: nothing outside the place is read or fetched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from imagerag import Collection

NAMES = {
    "../secret.jpg": "leads out",
    "inner/../../secret.jpg": "leads out",
    "..\\secret.jpg": "leads out",
    "{outside}/secret.jpg": "absolute",
    "/etc/passwd": "absolute",
    "//server/share/secret.jpg": "absolute",
    "\\\\server\\share\\secret.jpg": "absolute",
    "\\secret.jpg": "absolute",
    "~/secret.jpg": "absolute",
    "C:\\secret.jpg": "drive",
    "C:secret.jpg": "drive",
    "https://example.com/secret.jpg": "URL",
    "HTTP://127.0.0.1:9/secret.jpg": "URL",
    "ftp://example.com/secret.jpg": "URL",
    "s3://bucket/secret.jpg": "URL",
    "file:///etc/passwd": "URL",
    "data:image/png;base64,AAAA": "URL",
    "secret\u0000.jpg": "",
    "secret\u202egpj.jpg": "control characters",
    "secret\u001b[2J.jpg": "control characters",
    "x" * 3000 + ".jpg": "characters",
    "x" * 300 + ".jpg": "cannot be read",
    "link-to-file.jpg": "link that leads out",
    "link-to-folder/secret.jpg": "link that leads out",
    "link-to-link.jpg": "link that leads out",
    "loop.jpg": "cannot be read",
    "dangling.jpg": "is not there",
    "folder.jpg": "is not a regular file",
    "pipe.jpg": "is not a regular file",
    "device.jpg": "",
    "gone.jpg": "is not there",
    "": "",
    "   ": "",
}


@pytest.fixture
def place(tmp_path, put, picture):
    """A folder with a good picture and traps, and `secret.jpg` outside it."""
    put(tmp_path / "secret.jpg", picture(66))
    inside = tmp_path / "place"
    put(inside / "good.jpg", picture(1))
    put(inside / "inner/also.jpg", picture(2))
    (inside / "folder.jpg").mkdir()
    (inside / "link-to-file.jpg").symlink_to(tmp_path / "secret.jpg")
    (inside / "link-to-folder").symlink_to(tmp_path)
    (inside / "link-to-link.jpg").symlink_to(inside / "link-to-file.jpg")
    (inside / "loop.jpg").symlink_to(inside / "loop.jpg")
    (inside / "dangling.jpg").symlink_to(inside / "nowhere.jpg")
    (inside / "device.jpg").symlink_to("/dev/zero")
    os.mkfifo(inside / "pipe.jpg")
    return inside


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:40])
def test_a_name_that_leads_elsewhere_is_a_problem(listed, put, place, name):
    reason = NAMES[name]
    name = name.replace("{outside}", str(place.parent))
    rows = [{"file_name": one} for one in ("good.jpg", name, "inner/also.jpg")]
    table = put(place / "t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    found, problems = listed("manifest", table)
    assert [one.name for one in found] == ["good.jpg", "inner/also.jpg"]
    assert len(problems) == 1
    [(shown, told)] = problems.items()
    assert reason in told
    assert shown.isprintable()


@pytest.mark.parametrize(
    "name",
    ["../secret.jpg", "{outside}/secret.jpg", "link-to-file.jpg", "link-to-folder/secret.jpg"],
)
def test_what_lies_outside_is_read_where_it_is_allowed(listed, put, picture, place, name):
    name = name.replace("{outside}", str(place.parent))
    table = put(place / "t.jsonl", json.dumps({"file_name": name}))
    found, problems = listed("manifest", table, allow_outside=True)
    assert problems == {}
    assert [one.path.read_bytes() for one in found] == [picture(66)]
    assert not found[0].name.startswith(("/", ".."))


@pytest.mark.parametrize("name", ["https://example.com/x.jpg", "pipe.jpg", "a\u0000.jpg"])
def test_some_things_are_never_read(listed, put, place, name):
    table = put(place / "t.jsonl", json.dumps({"file_name": name}))
    found, problems = listed("manifest", table, allow_outside=True)
    assert found == []
    assert len(problems) == 1


def test_folders_are_not_left_through_links(listed, place):
    found, problems = listed("imagefolder", place)
    assert [one.name for one in found] == ["good.jpg", "inner/also.jpg"]
    assert {"link-to-file.jpg", "link-to-folder", "pipe.jpg", "device.jpg"} <= set(problems)


def test_metadata_names_nothing_outside_its_folder(listed, put, place):
    rows = [
        {"file_name": one, "text": "x"} for one in ("../secret.jpg", "link-to-file.jpg", "good.jpg")
    ]
    put(place / "metadata.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    found, problems = listed("imagefolder", place)
    assert [one.name for one in found] == ["good.jpg", "inner/also.jpg"]
    assert "leads out of the location: ../secret.jpg" in problems.values()


def test_metadata_that_is_a_link_is_not_read(listed, put, place):
    outside = put(place.parent / "elsewhere.jsonl", '{"file_name": "good.jpg", "text": "secret"}')
    (place / "metadata.jsonl").symlink_to(outside)
    found, problems = listed("imagefolder", place)
    assert not any("secret" in one.caption for one in found)
    assert "metadata.jsonl" in problems


@pytest.mark.parametrize("name", ["../../../secret.jpg", "/etc/passwd", "C:\\x.jpg", "a\x1b.jpg"])
def test_published_lists_name_nothing_outside_either(listed, put, picture, tmp_path, name):
    put(tmp_path / "secret.jpg", picture(66))
    cub = tmp_path / "CUB_200_2011"
    put(cub / "images/a/b.jpg", picture(1))
    put(cub / "images.txt", f"1 a/b.jpg\n2 {name}\n")
    put(cub / "image_class_labels.txt", "1 1\n2 1\n")
    put(cub / "classes.txt", "1 001.Owl\n")
    put(cub / "train_test_split.txt", "1 1\n2 1\n")
    found, problems = listed("cub", tmp_path)
    assert [one.name for one in found] == ["images/a/b.jpg"]
    assert len(problems) == 1
    nature = tmp_path / "nature"
    put(nature / "train/a.jpg", picture(1))
    images = [{"id": 1, "file_name": name}, {"id": 2, "file_name": "train/a.jpg"}, 7, {"id": "x"}]
    put(
        nature / "train.json", json.dumps({"images": images, "categories": [None, {"id": 1 << 70}]})
    )
    found, problems = listed("inaturalist", nature)
    assert [one.name for one in found] == ["train/a.jpg"]
    assert len(problems) == 2


def test_text_beside_an_image_is_not_read_through_links(listed, put, picture, place):
    put(place / "00000/000000000.jpg", picture(3))
    put(place.parent / "secret.txt", "a secret")
    (place / "00000/000000000.txt").symlink_to(place.parent / "secret.txt")
    found, _ = listed("img2dataset", place, format="files")
    assert [one.caption for one in found if "00000/" in one.name] == [""]


def test_a_collection_takes_what_is_good_and_nothing_else(source, put, place, tmp_path):
    names = [name.replace("{outside}", str(place.parent)) for name in NAMES]
    rows = [{"file_name": one} for one in (*names, "good.jpg")]
    table = put(place / "t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    with Collection.create(tmp_path / "mine") as mine:
        report = mine.add(source("manifest").find(str(table)))
        assert (report.added, len(report.skipped)) == (1, 0)
        assert (
            next(mine.items()).id
            == __import__("hashlib").sha256((place / "good.jpg").read_bytes()).hexdigest()
        )


MEMORY = """
import re, sys
from pathlib import Path
from imagerag.roles import Context
from imagerag_datasets.config import ManifestConfig, WebDatasetConfig, INaturalistConfig
from imagerag_datasets.manifest import ManifestSource
from imagerag_datasets.inaturalist import INaturalistSource
from imagerag_datasets.webdataset import WebDatasetSource

root = Path(sys.argv[1])
alone = Context(component=lambda role: None, cache_dir=root)
count = 0
for name in ("bomb.tar.gz", "flood.tar", "many.tar", "text.tar"):
    one = WebDatasetSource(WebDatasetConfig(max_members=40_000), alone)
    count += sum(1 for found in one.find(str(root / name)))
    assert one.problems, name
one = ManifestSource(ManifestConfig(), alone)
count += sum(1 for found in one.find(str(root / "long.csv")))
one = INaturalistSource(INaturalistConfig(), alone)
count += sum(1 for found in one.find(str(root / "long.json")))
assert one.problems, "long.json"
# Not ru_maxrss: a process begins with that of whoever forked it.
status = Path('/proc/self/status').read_text()
print(count, int(re.search(r'VmHWM: +([0-9]+) kB', status.replace(chr(9), ' '))[1]) // 1024)
"""


def sparse(path: Path, parts: list[tuple[bytes, int]]) -> None:
    """Write a file of which only the given parts take space: bytes, then so many zeros."""
    with path.open("wb") as file:
        for data, zeros in parts:
            file.write(data)
            file.seek(zeros, os.SEEK_CUR)
        file.truncate()


def test_memory_stays_small_whatever_is_claimed(tmp_path, header, member):
    deflate = zlib.compressobj(9, wbits=-15)
    block = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    start = zlib.compressobj(9, wbits=-15)
    opened = start.compress(header(b"a.jpg", b"\x80" + (1 << 40).to_bytes(11, "big")))
    opened += start.flush(zlib.Z_FULL_FLUSH)
    bomb = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + opened + block * 2000  # 2 GB
    (tmp_path / "bomb.tar.gz").write_bytes(bomb)
    # One sample of 30 images of 20 MB each.
    size = 20_000_256
    flood = [(header(b"k.%d.jpg" % n, size), size) for n in range(30)]
    sparse(tmp_path / "flood.tar", [*flood, (bytes(1024), 0)])
    (tmp_path / "many.tar").write_bytes(header(b"../x.jpg") * 41_000)
    texts = [(header(b"k%d.json" % n, size), size) for n in range(8)]
    sparse(tmp_path / "text.tar", [*texts, (bytes(1024), 0)])
    with (tmp_path / "long.csv").open("w") as file:
        file.write("file_name,caption\n")
        file.write('gone.jpg,"' + "x" * 60_000_000 + "\n")
    (tmp_path / "long.json").write_text('{"images": [{"file_name": "' + "x" * 60_000_000)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    taken, megabytes = map(int, done.stdout.split())
    assert taken == 1, "of the flood the first image, which is for the collection to refuse"
    assert megabytes < 512
    print(f"most memory: {megabytes} MB")
