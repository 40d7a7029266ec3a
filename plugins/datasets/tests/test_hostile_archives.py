"""Archives from strangers: nothing hostile is taken, nothing is written, the rest is still read."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

import pytest

from imagerag import Collection

NAMES = [
    *(b"../evil.jpg", b"../../../../../../tmp/evil.jpg", b"a/../../evil.jpg", b"a/.."),
    *(
        b"/etc/evil.jpg",
        b"//server/share/evil.jpg",
        b"/dev/zero.jpg",
        b"~/evil.jpg",
        b"~root/e.jpg",
    ),
    *(b"C:\\evil.jpg", b"C:evil.jpg", b"c:/evil.jpg", b"\\\\server\\share\\evil.jpg"),
    *(b"\\\\?\\C:\\evil.jpg", b"..\\evil.jpg", b"a\\..\\..\\evil.jpg", b"\\evil.jpg"),
    *(b"new\nline.jpg", b"re\rturn.jpg", b"tab\t.jpg", b"escape\x1b[2J.jpg", b"delete\x7f.jpg"),
    *("turned\u202egpj.exe.jpg".encode(), "hidden\u200bspace.jpg".encode(), b"bell\x07.jpg"),
    *("line\u2028separator.jpg".encode(), "c1\x85.jpg".encode(), b"https://example.com/evil.jpg"),
    *(b"~root/evil.jpg", b"file:///etc/passwd.jpg", b"data:image/jpeg,evil.jpg", b"   "),
]
KINDS = {
    "hard link": b"1",
    "symbolic link": b"2",
    "character device": b"3",
    "block device": b"4",
    "FIFO": b"6",
    "sparse": b"S",
    "unknown": b"Z",
    "multi-volume": b"M",
    "volume label": b"V",
    "dump of a folder": b"D",
}


@pytest.fixture
def read(listed, tmp_path):
    """Return `read(data)`: the names found in an archive of `data`, and the problems.

    The archive lies in a folder of its own; what is beside it must be as before afterwards.
    """

    def look(data: bytes, name: str = "s.tar", **limits: int) -> tuple[list[str], dict[str, str]]:
        (tmp_path / "inner").mkdir()
        archive = tmp_path / "inner" / name
        archive.write_bytes(data)
        before = tree(tmp_path)
        found, problems = listed("webdataset", archive, **limits)
        assert tree(tmp_path) == before
        assert not any("evil" in one.name or "passwd" in one.name for one in found)
        return [one.name for one in found], problems

    return look


def tree(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(p), p.lstat().st_mtime_ns) for p in folder.rglob("*"))


def test_there_are_enough_of_them():
    assert len(NAMES) + len(KINDS) >= 40


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_member_with_a_hostile_name_is_left_aside(read, member, name):
    names, problems = read(member(b"first.jpg") + member(name) + member(b"last.jpg"))
    assert names == ["s.tar/first.jpg", "s.tar/last.jpg"]
    assert len(problems) == 1
    assert all(shown.isprintable() for shown in problems)


def test_a_collection_takes_none_of_them(source, header, member, picture, tmp_path):
    # Each hostile member is a picture of its own: what was taken would be seen by its content.
    hostile = [member(name, picture(n)) for n, name in enumerate(NAMES)]
    hostile += [header(b"evil.jpg", 0, kind) for kind in KINDS.values()]
    (tmp_path / "inner").mkdir()
    archive = tmp_path / "inner/s.tar"
    archive.write_bytes(b"".join([*hostile, member(b"good.jpg")]))
    before = tree(tmp_path)
    one = source("webdataset")
    with Collection.create(tmp_path / "mine") as mine:
        report = mine.add(one.find(str(archive)))
    assert (report.added, len(one.problems)) == (1, len(hostile))
    kept = [p for p in (tmp_path / "mine/images").rglob("*") if p.is_file()]
    assert [p.read_bytes() for p in kept] == [picture(99)]
    assert [e for e in tree(tmp_path) if "mine" not in e[0]][1:] == before[1:]


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_the_same_name_by_an_extended_header(read, member, pax, name):
    names, problems = read(pax(path=name) + member(b"innocent.jpg") + member(b"last.jpg"))
    assert names == ["s.tar/last.jpg"]
    assert len(problems) == 1


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_only_files_are_read(read, header, member, kind):
    size = 0 if kind in b"123456" else 700
    hostile = header(b"evil.jpg", size, kind) + bytes(-(-size // 512) * 512)
    names, problems = read(hostile + member(b"last.jpg"))
    assert names == ["s.tar/last.jpg"]
    assert list(problems) == ["s.tar/evil.jpg"]


def test_what_seem_to_be_files_are_read(read, member):
    data = member(b"a.jpg", kind=b"\0") + member(b"b.jpg", kind=b"7") + member(b"folder", b"", b"5")
    assert read(data) == (["s.tar/a.jpg", "s.tar/b.jpg"], {})


SIZES = {
    "8 GB": b"77777777777\0",
    "base 256, more than a disk": b"\x80" + (1 << 62).to_bytes(11, "big"),
    "base 256, beyond 63 bits": b"\x80" + b"\x7f" * 11,
    "negative": b"\xff" * 12,
    "no number": b"12 monkeys\0\0",
    "hexadecimal": b"0x1000\0\0\0\0\0\0",
}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_size_that_is_not_there_ends_the_reading(read, header, member, size, packed):
    data = member(b"first.jpg") + header(b"evil.jpg", size) + bytes(2048)
    names, problems = read(gzip.compress(data) if packed else data)
    assert names == ["s.tar/first.jpg"]
    assert any("the rest is not read" in reason for reason in problems.values())


EXTENSIONS = {
    "a size of 100 PB": lambda pax, header: pax(size="100000000000000000"),
    "a negative size": lambda pax, header: pax(size="-1"),
    "a size in another form": lambda pax, header: pax(size="1e3"),
    "a size in other digits": lambda pax, header: pax(size="٣"),
    "a length of nothing": lambda pax, header: pax(b"0 path=a\n"),
    "a length beyond the header": lambda pax, header: pax(b"999 path=a\n"),
    "no equals sign": lambda pax, header: pax(b"11 path a.b\n"),
    "a negative length": lambda pax, header: pax(b"-9 path=a\n"),
    "a length of many digits": lambda pax, header: pax(b"0" * 5000 + b"9 path=a\n"),
    "8 GB of records": lambda pax, header: header(b"x", b"77777777777\0", b"x"),
    "8 GB of a name": lambda pax, header: header(b"x", b"77777777777\0", b"L"),
    "8 GB of a link's name": lambda pax, header: header(b"x", b"77777777777\0", b"K"),
    "8 GB for all members": lambda pax, header: header(b"x", b"77777777777\0", b"g"),
}


@pytest.mark.parametrize("make", EXTENSIONS.values(), ids=EXTENSIONS.keys())
def test_extended_headers_that_lie_end_the_reading(read, header, member, pax, make):
    names, problems = read(member(b"first.jpg") + make(pax, header) + member(b"evil.jpg"))
    assert names == ["s.tar/first.jpg"]
    assert problems


SPARSE = {"GNU__sparse__major": "1", "GNU__sparse__minor": "0", "GNU__sparse__realsize": "9" * 15}


def test_sparse_files_by_extended_headers_are_left_aside(read, member, pax):
    data = pax(GNU__sparse__name="../evil.jpg", **SPARSE) + member(b"evil.jpg")
    names, problems = read(data + member(b"last.jpg"))
    assert names == ["s.tar/last.jpg"]
    assert "sparse" in problems["s.tar/evil.jpg"]


def test_a_map_of_a_sparse_file_without_end(read, header, member):
    goes_on = bytearray(512)
    goes_on[504] = 1
    data = member(b"first.jpg") + header(b"evil.jpg", 0, b"S", sparse_goes_on=True)
    names, problems = read(data + bytes(goes_on) * 10_050 + member(b"evil.jpg"))
    assert names == ["s.tar/first.jpg"]
    assert "map does not end" in problems["s.tar"]


def test_global_records_change_nothing(read, member, pax):
    data = pax(path="../evil.jpg", size="100000", kind=b"g") + member(b"a.jpg") + member(b"b.jpg")
    assert read(data) == (["s.tar/a.jpg", "s.tar/b.jpg"], {})


def test_names_of_5000_characters_are_left_aside(read, member):
    name = b"evil" * 1250 + b".jpg\0"
    names, problems = read(
        member(b"././@LongLink", name, b"L") + member(b"x.jpg") + member(b"y.jpg")
    )
    assert names == ["s.tar/y.jpg"]
    assert len(next(iter(problems))) < 300


@pytest.mark.parametrize("number", [0, 511, 1 << 17])
def test_a_wrong_checksum_ends_the_reading(read, header, member, number):
    data = member(b"first.jpg") + header(b"evil.jpg", 0, sum_of=number) + member(b"evil.jpg")
    names, problems = read(data)
    assert names == ["s.tar/first.jpg"]
    assert "wrong checksum" in problems["s.tar"]


def test_members_of_one_name_are_one_image(read, member, picture):
    data = member(b"a.jpg") + member(b"b.jpg", picture(1)) + member(b"a.jpg", picture(2))
    names, problems = read(data + member(b"./a.jpg", picture(3)))
    assert names == ["s.tar/a.jpg", "s.tar/b.jpg"]
    assert problems


@pytest.mark.parametrize("cut", [100, 512, 600, 1024 + 100])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_an_archive_that_is_cut_short(read, member, cut, packed):
    data = member(b"first.jpg") + member(b"evil.jpg", bytes(2000))[:cut]
    if packed:
        data = gzip.compress(data + os.urandom(300))[:-200]
    names, problems = read(data)
    assert set(names) <= {"s.tar/first.jpg"}
    assert problems


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04" * 500, b"\x1f\x8b" + b"x" * 90, b"\xff" * 1024]
)
def test_what_is_no_archive(read, data):
    names, problems = read(data)
    assert names == []
    assert list(problems) == ["s.tar"]


def test_more_members_than_are_allowed(read, header, member):
    data = member(b"first.jpg") + header(b"empty.txt") * 200
    names, problems = read(data + member(b"evil.jpg"), max_members=100)
    assert names == ["s.tar/first.jpg"]
    assert "more than 100 members" in problems["s.tar"]


def test_a_chain_of_extended_headers_counts_as_members(read, member, pax):
    data = member(b"first.jpg") + pax(path="x") * 200 + member(b"evil.jpg")
    names, problems = read(data, max_members=100)
    assert names == ["s.tar/first.jpg"]
    assert "more than 100 members" in problems["s.tar"]


def test_members_larger_than_an_image_may_be_are_passed_over(read, header, member):
    data = member(b"a.jpg") + header(b"evil.jpg", 2_000_384) + bytes(2_000_384) + member(b"b.jpg")
    names, problems = read(data, max_member_mb=1)
    assert names == ["s.tar/a.jpg", "s.tar/b.jpg"]
    assert problems["s.tar/evil.jpg"] == "has 2.0 MB; at most 1 MB are read"


def repeated(block: bytes, times: int) -> bytes:
    """Compress `block` so many times over without doing the work so many times."""
    deflate = zlib.compressobj(9, wbits=-15)
    start = deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + start * times


@pytest.mark.parametrize("filler", ["zeros in one member", "members without end"])
def test_a_compression_bomb_is_not_read_on(read, header, member, filler):
    start = member(b"first.jpg")
    if filler == "zeros in one member":
        start += header(b"evil.jpg", b"\x80" + (1 << 40).to_bytes(11, "big"))
        block = bytes(1 << 20)
    else:
        block = (header(b"plain.md", 65_024) + bytes(65_024)) * 16
    first = zlib.compressobj(9, wbits=-15)
    opened = first.compress(start) + first.flush(zlib.Z_FULL_FLUSH)
    bomb = repeated(block, 500)
    names, problems = read(bomb[:10] + opened + bomb[10:], "s.tar.gz")
    assert names == ["s.tar.gz/first.jpg"]
    assert "grows more than 50 times" in problems["s.tar.gz"]


def test_more_than_an_archive_may_hold(read, header, member):
    data = member(b"first.jpg") + header(b"evil.bin", b"\x80" + (1 << 40).to_bytes(11, "big"))
    names, problems = read(gzip.compress(data + os.urandom(99)), max_archive_gb=1)
    assert names == ["s.tar/first.jpg"]
    assert problems


def test_gzip_of_many_empty_parts_ends(read, member):
    whole = gzip.compress(member(b"first.jpg")) + gzip.compress(b"") * 20_000
    assert read(whole + bytes(5000))[0] == ["s.tar/first.jpg"]


def test_gzip_with_a_name_without_end(read):
    names, problems = read(b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"evil" * 100_000)
    assert names == []
    assert "cut short" in problems["s.tar"]


def test_gzip_with_a_wrong_checksum(read, member):
    packed = bytearray(gzip.compress(member(b"first.jpg") + bytes(1024)))
    packed[-8] ^= 255
    names, problems = read(bytes(packed))
    assert names == ["s.tar/first.jpg"], "what came before the damage was told stays"
    assert set(problems) <= {"s.tar"}


def test_gzip_parts_one_behind_another_are_one_archive(read, member):
    both = gzip.compress(member(b"a.jpg")) + gzip.compress(member(b"b.jpg"))
    assert read(both) == (["s.tar/a.jpg", "s.tar/b.jpg"], {})
