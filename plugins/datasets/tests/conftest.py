"""Miniatures of the published layouts, drawn anew from their descriptions."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagerag.roles import Context, Found, Source
from imagerag.testing import registry


def picture(number: int = 0, form: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    colour = (number * 53 % 256, number * 97 % 256, number * 31 % 256)
    Image.new("RGB", (16, 12), colour).save(buffer, form)
    return buffer.getvalue()


def put(path: Path, data: bytes | str = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def tar(path: Path, members: dict[str, bytes | str], mode: str = "w") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            content = data.encode() if isinstance(data, str) else data
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture(scope="session", name="picture")
def _picture() -> Callable[..., bytes]:
    """Return the bytes of a small picture; another number gives another picture."""
    return picture


@pytest.fixture(scope="session", name="put")
def _put() -> Callable[..., Path]:
    """Write a file, and the folders above it."""
    return put


@pytest.fixture(scope="session", name="tar")
def _tar() -> Callable[..., Path]:
    """Write a tar archive of members by name."""
    return tar


def header(
    name: bytes = b"evil.jpg",
    size: int | bytes = 0,
    kind: bytes = b"0",
    *,
    sum_of: int | None = None,
    sparse_goes_on: bool = False,
) -> bytes:
    """Return one header of a tar archive, with whatever it should claim."""
    number = size if isinstance(size, bytes) else b"%011o\0" % size
    block = bytearray(512)
    block[: len(name[:100])] = name[:100]
    block[100:108] = b"0000644\0"
    block[124 : 124 + len(number)] = number
    block[136:148] = b"00000000000\0"
    block[156:157] = kind
    block[157:168] = b"/etc/passwd"
    block[257:265] = b"ustar\x0000"
    if sparse_goes_on:
        block[257:265] = b"ustar  \0"
        block[482] = 1
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % (sum(block) if sum_of is None else sum_of)
    return bytes(block)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


@pytest.fixture(scope="session", name="header")
def _header() -> Callable[..., bytes]:
    """Return the header of a tar member."""
    return header


@pytest.fixture(scope="session")
def member(picture: Callable[..., bytes]) -> Callable[..., bytes]:
    """Return a whole member: header, data and padding."""

    def make(name: bytes, data: bytes | None = None, kind: bytes = b"0") -> bytes:
        content = picture(99) if data is None else data
        return header(name, len(content), kind) + padded(content)

    return make


@pytest.fixture(scope="session")
def pax(member: Callable[..., bytes]) -> Callable[..., bytes]:
    """Return an extended header with records, each as it is or by key and value."""

    def make(*records: bytes, kind: bytes = b"x", **named: str | bytes) -> bytes:
        lines = list(records)
        for key, value in named.items():
            content = value.encode() if isinstance(value, str) else value
            body = b" %s=%s\n" % (key.replace("__", ".").encode(), content)
            length = len(body)
            while length != len(body) + len(str(length)):
                length = len(body) + len(str(length))
            lines.append(b"%d%s" % (length, body))
        return member(b"PaxHeaders/x", b"".join(lines), kind)

    return make


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Source]:
    """Return `build(name, **options)`, which builds a source as imagerag does."""
    plugins = registry("imagerag_datasets.plugin")
    folder = tmp_path_factory.mktemp("cache")

    def build(name: str, **options: Any) -> Source:
        config = plugins.config_class("source", name)(**options)
        alone = Context(component=lambda role: None, cache_dir=folder)
        built: Source = plugins.component_class("source", name)(config, alone)
        return built

    return build


@pytest.fixture
def listed(source: Callable[..., Source]) -> Callable[..., tuple[list[Found], dict[str, str]]]:
    """Return `look(name, location, **options)`, which gives what is found, and the problems."""

    def look(name: str, location: Path | str, **options: Any) -> tuple[list[Found], dict[str, str]]:
        one = source(name, **options)
        found = list(one.find(str(location)))
        return found, dict(one.problems)

    return look


@pytest.fixture(scope="session")
def miniatures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make one folder with a miniature of each layout."""
    root = tmp_path_factory.mktemp("sets")
    for build in (_cub, _aircraft, _imagenet, _inaturalist, _imagefolder, _webdataset):
        build(root)
    _img2dataset(root)
    _manifest(root)
    yield root


def _cub(root: Path) -> None:
    folder = root / "cub" / "CUB_200_2011"
    images = [
        "001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg",
        "001.Black_footed_Albatross/Black_Footed_Albatross_0009_34.jpg",
        "029.American_Crow/American_Crow_0073_25053.jpg",
    ]
    for number, name in enumerate(images, 1):
        put(folder / "images" / name, picture(number))
    put(folder / "images.txt", "".join(f"{n} {name}\n" for n, name in enumerate(images, 1)))
    put(folder / "image_class_labels.txt", "1 1\n2 1\n3 29\n")
    put(folder / "classes.txt", "1 001.Black_footed_Albatross\n29 029.American_Crow\n")
    put(folder / "train_test_split.txt", "1 0\n2 1\n3 1\n")
    put(folder / "bounding_boxes.txt", "1 60.0 27.0 325.0 304.0\n2 1.0 2.0 3.0 4.0\n3 5 6 7 8\n")


def _aircraft(root: Path) -> None:
    data = root / "aircraft" / "fgvc-aircraft-2013b" / "data"
    rows = {
        "train": [("1025794", "707-320", "Boeing 707", "Boeing")],
        "val": [("0481847", "707-320", "Boeing 707", "Boeing")],
        "test": [
            ("1514522", "A380", "A380", "Airbus"),
            ("0062765", "Cessna 172", "Cessna 172", "Cessna"),
        ],
    }
    number = 10
    for split, images in rows.items():
        for image, *_ in images:
            number += 1
            put(data / "images" / f"{image}.jpg", picture(number))
        for column, level in enumerate(("variant", "family", "manufacturer"), 1):
            text = "".join(f"{row[0]} {row[column]}\n" for row in images)
            put(data / f"images_{level}_{split}.txt", text)
    # Train and val together, which must not be read twice.
    both = [*rows["train"], *rows["val"]]
    put(data / "images_variant_trainval.txt", "".join(f"{r[0]} {r[1]}\n" for r in both))
    put(data / "images_box.txt", "1025794 3 144 998 431\n")


def _imagenet(root: Path) -> None:
    top = root / "imagenet"
    data = top / "ILSVRC" / "Data" / "CLS-LOC"
    put(data / "train/n01440764/n01440764_10026.JPEG", picture(20))
    put(data / "train/n01440764/n01440764_10027.JPEG", picture(21))
    put(data / "train/n02346627/n02346627_1.JPEG", picture(22))
    put(data / "val/ILSVRC2012_val_00000001.JPEG", picture(23))
    put(data / "test/ILSVRC2012_test_00000001.JPEG", picture(24))
    put(
        top / "LOC_synset_mapping.txt",
        "n01440764 tench, Tinca tinca\nn02346627 porcupine, hedgehog\n",
    )
    put(
        top / "LOC_val_solution.csv",
        "ImageId,PredictionString\n"
        "ILSVRC2012_val_00000001,n02346627 85 1 499 272 n02346627 1 2 3 4 \n",
    )


def _inaturalist(root: Path) -> None:
    top = root / "inaturalist"
    crow = "train/00001_Animalia_Chordata_Aves_Corvus_corax/aa.jpg"
    moss = "train/00002_Plantae_Bryophyta_Bryum/bb.jpg"
    for number, name in enumerate((crow, moss), 30):
        put(top / name, picture(number))
    put(top / "val/00001_Animalia_Chordata_Aves_Corvus_corax/cc.jpg", picture(32))
    categories = [
        {
            "id": 1,
            "name": "Corvus corax",
            "common_name": "Common Raven",
            "supercategory": "Birds",
            "kingdom": "Animalia",
            "phylum": "Chordata",
            "class": "Aves",
            "order": "Passeriformes",
            "family": "Corvidae",
            "genus": "Corvus",
            "specific_epithet": "corax",
            "image_dir_name": "00001_Animalia_Chordata_Aves_Corvus_corax",
        },
        {
            "id": 2,
            "name": "Bryum argenteum",
            "common_name": "",
            "image_dir_name": "00002_Plantae_Bryophyta_Bryum",
        },
    ]
    licences = [
        {
            "id": 1,
            "name": "Attribution-NonCommercial License",
            "url": "http://creativecommons.org/licenses/by-nc/4.0/",
        },
        {
            "id": 2,
            "name": "Public Domain Dedication",
            "url": "http://creativecommons.org/publicdomain/zero/1.0/",
        },
        {"id": 3, "name": "", "url": ""},
    ]
    train = {
        "info": {"year": 2021, "description": "miniature", "of": [1, {"a": None}]},
        "images": [
            {"id": 7, "width": 16, "file_name": crow, "license": 1, "rights_holder": "Ann Ö."},
            {"id": 8, "width": 16, "file_name": moss, "license": 3, "rights_holder": ""},
        ],
        "annotations": [
            {"id": 0, "image_id": 8, "category_id": 2},
            {"id": 1, "image_id": 7, "category_id": 1},
        ],
        "licenses": licences,
        "categories": categories,
    }
    put(top / "train.json", json.dumps(train))
    # Without annotations, the folder tells the category; `images` last is another order of lists.
    val = {
        "categories": categories,
        "licenses": licences,
        "images": [
            {
                "id": 9,
                "file_name": "val/00001_Animalia_Chordata_Aves_Corvus_corax/cc.jpg",
                "license": 2,
                "rights_holder": "Bo",
            }
        ],
    }
    put(top / "val.json", json.dumps(val, indent=1))


def _imagefolder(root: Path) -> None:
    top = root / "imagefolder"
    put(top / "train/one.jpg", picture(40))
    put(top / "train/two.jpg", picture(41))
    put(
        top / "train/metadata.jsonl",
        '{"file_name": "two.jpg", "text": "a red kite", "license": "CC0-1.0", "tags": ["kite"]}\n'
        '{"file_name": "one.jpg", "label": "boat"}\n',
    )
    put(top / "test/golden_retriever/1.jpg", picture(42))
    put(top / "test/owl/2.jpg", picture(43))


def _webdataset(root: Path) -> None:
    top = root / "webdataset"
    about = {"license": "CC-BY-4.0", "url": "https://example.com/1", "author": "Ann"}
    tar(
        top / "shard-000000.tar",
        {
            "./000.jpg": picture(50),
            "./000.txt": "a red kite",
            "./000.json": json.dumps(about),
            "./001.cls": "1",
            "./001.png": picture(51, "PNG"),
            "./notes.md": "not read",
        },
    )
    tar(
        top / "shard-000001.tar.gz",
        {"a/002.seg.png": picture(52, "PNG"), "a/002.json": '{"caption": "an owl"}'},
        "w:gz",
    )
    put(top / "classes.txt", "tench\nblack_swan\n")


def _img2dataset(root: Path) -> None:
    files = root / "img2dataset-files"
    for number in range(2):
        stem = files / "00000" / f"{number:09d}"
        about = {
            "caption": f"kite {number}",
            "url": f"https://example.com/{number}.jpg",
            "key": f"{number:09d}",
            "status": "success",
            "error_message": None,
            "width": 16,
            "height": 12,
            "exif": "{}",
        }
        put(stem.with_suffix(".jpg"), picture(60 + number))
        put(stem.with_suffix(".txt"), f"kite {number}")
        put(stem.with_suffix(".json"), json.dumps(about))
    put(files / "00000_stats.json", '{"count": 3, "successes": 2, "failed_to_download": 1}')
    put(files / "00000.parquet", b"a table that is not needed")
    shards = root / "img2dataset-webdataset"
    members = {}
    for file in sorted((files / "00000").iterdir()):
        members[file.name] = file.read_bytes()
    tar(shards / "00000.tar", members)
    put(shards / "00000_stats.json", '{"count": 3, "successes": 2}')
    put(shards / "00000.parquet", b"a table that is not needed")


def _manifest(root: Path) -> None:
    top = root / "manifest"
    put(top / "kite.jpg", picture(70))
    put(top / "inner/boat.jpg", picture(71))
    put(
        top / "list.csv",
        "file_name,caption,licence,creator,source_url,tags,split\n"
        'kite.jpg,"a red, large kite",CC0-1.0,Ann,https://example.com/k,kite;red,train\n'
        "inner/boat.jpg,a boat,,,,3,test\n",
    )
    put(
        top / "list.jsonl",
        '{"path": "kite.jpg", "text": "a kite", "photographer": "Bo"}\n'
        '{"path": "inner/boat.jpg", "title": "a boat"}\n',
    )
