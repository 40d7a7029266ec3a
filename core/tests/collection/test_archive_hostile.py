"""Archives made to do harm: none is imported, and nothing is written outside."""

import gzip
import hashlib
import io
import json
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from imagerag.collection import Collection, export_collection, import_collection
from imagerag.collection.archive_format import header, padding
from imagerag.errors import CollectionError
from imagerag.roles import Found

ID = "ab" * 32
NAMES = [
    "../evil.png",
    "../../../../../../tmp/evil.png",
    "images/../../evil.png",
    "images/ab/../../../evil.png",
    f"images/ab/../{ID}.png",
    "/etc/passwd",
    "/tmp/evil.png",
    f"/images/ab/{ID}.png",
    "//server/share/evil.png",
    "\\\\server\\share\\evil.png",
    "C:\\evil.png",
    "C:evil.png",
    "c:/evil.png",
    "images\\ab\\evil.png",
    "..\\evil.png",
    "~/evil.png",
    "~root/evil.png",
    "$HOME/evil.png",
    "file:///tmp/evil.png",
    "CON",
    "images/ab/NUL.png",
    "images/ab/COM1",
    "images/ab/evil.png",
    f"images/cd/{ID}.png",
    f"images/ab/{ID}.png/x",
    f"images/ab/{ID}.PNG",
    f"Images/ab/{ID}.png",
    f"images/AB/{ID.upper()}.png",
    f"images/ab/{ID}.svg",
    f"images/ab/{ID}.png.exe",
    f"images/ab/{ID}.png ",
    f"images/ab/{ID}.png\n",
    f"images//ab/{ID}.png",
    f"./images/ab/{ID}.png",
    f"images/ab/{ID[:-1]}.png",
    "images/ab/",
    "images",
    "",
    ".",
    "..",
    "catalogue.sqlite",
    "collection/catalogue.sqlite",
    "indexes/usearch-0/manifest.json",
    "MANIFEST.JSON",
    "Items.jsonl",
    "items.jsonl/../../evil",
    "spaces/../evil.ids",
    "spaces/00.ids",
    "spaces/-1.ids",
    "spaces/0.IDS",
    "spaces/99999.ids",
    "spaces/0.ids\x7f",
    "sp\u00e4ces/0.ids".encode().decode("latin-1"),
]


def raw(name: str, data: bytes = b"harm", **more: object) -> bytes:
    """Return a member as another program would write it, with fields of one's own."""
    info = tarfile.TarInfo("x")
    info.size = len(data)
    for key, value in more.items():
        setattr(info, key, value)
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT)[:512])
    block[:100] = name.encode("latin-1")[:100].ljust(100, b"\0")
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block) + data + padding(len(data))


def library(format: int, name: str, **more: object) -> bytes:
    """Return a whole archive as Python writes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        info = tarfile.TarInfo(name)
        for key, value in more.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    return out.getvalue()


def zipped(name: str, size: int = 4) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, bytes(size))
    return out.getvalue()


def sized(size: bytes) -> bytes:
    """Return a member whose size field is given as it stands."""
    block = bytearray(header("items.jsonl", 0))
    block[124:136] = size
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


IMAGE = f"images/ab/{ID}.png"
KINDS = {
    "hard link": raw(IMAGE, b"", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "symbolic link": raw(IMAGE, b"", type=tarfile.SYMTYPE, linkname="../../../../etc/passwd"),
    "link to itself": raw(IMAGE, b"", type=tarfile.SYMTYPE, linkname=IMAGE),
    "character device": raw(IMAGE, b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "block device": raw(IMAGE, b"", type=tarfile.BLKTYPE, devmajor=8),
    "pipe": raw(IMAGE, b"", type=tarfile.FIFOTYPE),
    "folder": raw("images/ab", b"", type=tarfile.DIRTYPE),
    "contiguous": raw(IMAGE, b"x", type=tarfile.CONTTYPE),
    "old plain file": raw(IMAGE, b"x", type=tarfile.AREGTYPE),
    "sparse": raw(IMAGE, b"x", type=tarfile.GNUTYPE_SPARSE),
    "unknown kind": raw(IMAGE, b"x", type=b"Z"),
    "set-uid": raw(IMAGE, b"x", mode=0o4755),
    "a prefix that leads away": raw(IMAGE, b"x", pax_headers={}, uname="root"),
    "pax header": library(tarfile.PAX_FORMAT, "x" * 200),
    "pax path": library(tarfile.PAX_FORMAT, IMAGE, pax_headers={"path": "../../evil"}),
    "pax global header": raw("g", b"17 path=../evil\n", type=tarfile.XGLTYPE),
    "gnu long name": library(tarfile.GNU_FORMAT, "../" * 50 + "evil"),
    "gnu long link": raw("././@LongLink", b"../../evil\0", type=tarfile.GNUTYPE_LONGLINK),
    "a zip": zipped("../evil.png"),
    "a zip of zeros": zipped("items.jsonl", 50_000_000),
    "a gzip of zeros": gzip.compress(bytes(50_000_000)),
    "a gzip of a tar": gzip.compress(raw(IMAGE)),
    "negative size": sized(b"-0000000001\0"),
    "binary size": sized(b"\x80" + b"\0" * 10 + b"\x01"),
    "size without end": sized(b"777777777777"),
    "size of eight gigabytes": sized(b"77777777777\0"),
    "size with spaces": sized(b"          0\0"),
    "a name with a NUL": raw(f"{IMAGE}\0/../../evil"),
    "a name of a hundred": raw("images/" + "a" * 93),
    "wrong checksum": raw(IMAGE)[:148] + b"000000\0 " + raw(IMAGE)[156:],
    "no archive": b"\x89PNG\r\n\x1a\n" + bytes(2000),
    "text": b"hello " * 500,
    "an image of 25 MB and one byte": header(IMAGE, 25_000_001) + bytes(25_000_001),
    "an image that is none": header(IMAGE, 4) + b"harm" + padding(4),
}
KINDS["a prefix that leads away"] = (
    lambda block: block[:345] + b"../../evil".ljust(155, b"\0") + block[500:]
)(raw(IMAGE, b"x"))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes]) -> bytes:
    """A good archive of two images, to hide a hostile member in."""
    folder = tmp_path_factory.mktemp("good")
    with Collection.create(folder / "c") as made:
        made.add([Found(str(n), data=picture(n)) for n in range(2)])
        export_collection(made, folder / "good.tar")
    return (folder / "good.tar").read_bytes()


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def refused(folder: Path, data: bytes) -> None:
    """Have an archive refused, with nothing written anywhere near."""
    inner = folder / "a" / "b" / "c"
    inner.mkdir(parents=True, exist_ok=True)
    (inner / "bad.tar").write_bytes(data)
    before = tree(folder)
    with pytest.raises(CollectionError, match="refused") as caught:
        import_collection(inner / "bad.tar", inner / "copy")
    assert "\x00" not in str(caught.value)
    assert tree(folder) == before


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_hostile_name_is_refused(tmp_path: Path, good: bytes, name: str) -> None:
    refused(tmp_path, raw(name) + good)
    # Also behind images that are all right.
    first = 1024 + 512
    refused(tmp_path, good[: first - 512] + raw(name) + good[first - 512 :])


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_member_is_refused(tmp_path: Path, good: bytes, kind: str) -> None:
    refused(tmp_path, KINDS[kind] + good)
    refused(tmp_path, KINDS[kind])


def test_a_member_that_comes_twice_is_refused(tmp_path: Path, good: bytes) -> None:
    refused(tmp_path, good[:1024] + good)
    start = good.index(b"items.jsonl")
    size = struct.calcsize("512s") + -(-int(good[start + 124 : start + 135], 8) // 512) * 512
    refused(tmp_path, good[: start + size] + good[start:])


def test_an_import_never_follows_what_lies_in_its_way(tmp_path: Path, good: bytes) -> None:
    (tmp_path / "good.tar").write_bytes(good)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "copy").symlink_to(tmp_path / "elsewhere" / "not there")
    with pytest.raises(CollectionError):
        import_collection(tmp_path / "good.tar", tmp_path / "copy")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_there_are_enough_of_them() -> None:
    assert len(NAMES) + len(KINDS) >= 80
    assert len(set(NAMES)) == len(NAMES)


def _named_by_a_manifest(told: bytes, zeros: int) -> bytes:
    """Return the rest of an archive of two images whose embeddings are about `zeros` zeros."""
    digest = hashlib.sha256()
    for _ in range(zeros // 1_000_000):
        digest.update(bytes(1_000_000))
    lines = told[512:].rstrip(b"\0")
    files = {
        "items.jsonl": {"size": len(lines), "sha256": hashlib.sha256(lines).hexdigest()},
        "spaces/0.json": {"size": zeros, "sha256": digest.hexdigest()},
    }
    empty = {"size": 0, "sha256": hashlib.sha256().hexdigest()}
    files |= {"spaces/0.f32": empty, "spaces/0.ids": empty}
    images = [json.loads(line)["bytes"] for line in lines.splitlines()]
    manifest = {"format": "imagerag-collection", "version": 1, "files": files}
    manifest |= {"images": len(images), "image_bytes": sum(images)}
    data = json.dumps(manifest).encode()
    parts = [("spaces/0.f32", b""), ("spaces/0.ids", b""), ("manifest.json", data)]
    return b"".join(header(name, len(one)) + one + padding(len(one)) for name, one in parts)


def test_hostile_archives_stay_below_512_mb(tmp_path: Path, good: bytes) -> None:
    items = good.index(header("items.jsonl", 0)[:11])
    images, size = good[:items], int(good[items + 124 : items + 135], 8)
    told = good[items : items + 512 + size] + padding(size)
    salt = b'{"salt": "' + b"0" * 64 + b'", "marks": ['
    mark = b'["' + b"0" * 64 + b'", 1], '
    # (what comes before, the name of a large member, how it begins, what its bytes are then)
    large = {
        "marks of nothing": (images + told, "purged.json", salt, b"[], "),
        "one mark, again and again": (images + told, "purged.json", salt, mark),
        "zeros for marks": (images + told, "purged.json", salt, b"\0"),
        "a space of zeros": (images + told, "spaces/0.json", b"", b"\0"),
        "ids of zeros": (images + told, "spaces/0.ids", b"", b"\0"),
        "a line of lists": (images, "items.jsonl", b"", b"[],"),
        "lines of nothing": (images, "items.jsonl", b"", b"\n"),
        "an image": (b"", IMAGE, b"", b"\0"),
        "a manifest": (images + told, "manifest.json", b"", b"[],"),
    }
    for number, (before, name, start, rest) in enumerate(large.values()):
        length = 600_000_000 if rest == b"\0" else 80_000_000
        with (tmp_path / f"{number}.tar").open("wb") as file:
            file.write(before + header(name, length) + start)
            end = file.tell() + length - len(start)
            if rest == b"\0":
                file.truncate(end)  # takes no room on the disk
                file.seek(end)
            else:
                block = rest * (1_000_000 // len(rest))
                while (left := end - file.tell()) > 0:
                    file.write(block[:left])
            file.write(padding(length))
            if name == "spaces/0.json":
                file.write(_named_by_a_manifest(told, length))
            file.write(bytes(1024))
    script = (
        "import pathlib, re, sys\n"
        "from imagerag.collection import import_collection\n"
        "from imagerag.errors import CollectionError\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "for path in sorted(folder.glob('*.tar')):\n"
        "    try:\n"
        "        import_collection(path, folder / 'copy')\n"
        "    except CollectionError as error:\n"
        "        assert 'refused' in str(error)\n"
        "        print('refused')\n"
        # Not ru_maxrss: a process begins with that of whoever forked it.
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(re.search(r'VmHWM:\\s+([0-9]+) kB', status)[1])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    *refusals, peak_kb = run.stdout.split()
    assert refusals == ["refused"] * len(large)
    assert int(peak_kb) < 512_000
    assert not (tmp_path / "copy").exists()
