"""What is exported is imported as it was, or not at all."""

import hashlib
import io
import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from imagerag.collection import Collection, export_collection, import_collection
from imagerag.collection.archive_format import header, padding
from imagerag.errors import CollectionError
from imagerag.registry import Registry
from imagerag.roles import Found
from imagerag.values import Item

Make = Callable[..., Found]


@pytest.fixture
def full(collection: Collection, found: Make) -> Collection:
    """Six items, two of them private, embeddings in two spaces, one purged and one removed."""
    texts = {"licence": "CC0", "creator": "müller", "source": "https://example.org", "tags": ("a",)}
    collection.add([found(n, caption=f"picture {n} é", **texts) for n in range(5)])
    collection.add([found(n) for n in range(5, 8)], private=True)
    ids = [item.id for item in collection.items()]
    collection.put_vectors("space a", ids, np.random.default_rng(1).normal(size=(8, 4)))
    collection.put_vectors("space b", ids[2:5], np.eye(3, 5, dtype=np.float32))
    catalogue = collection._catalogue
    with catalogue.writing():
        for one, near, phash in ((ids[2], ids[1], -5), (ids[3], ids[6], 9)):
            catalogue.rows(
                "UPDATE items SET near = ?, phash = ?, change = ? WHERE id = ?",
                (near, phash, catalogue.next_changes(1)[0], one),
            )
    collection.purge([ids[0]], registry=Registry([]))
    collection.remove([ids[4]])
    return collection


def told(item: Item) -> dict[str, object]:
    return {**vars(item), "change": 0}


def phashes(collection: Collection) -> dict[str, int]:
    return dict(collection._catalogue.rows("SELECT id, phash FROM items WHERE removed = 0"))


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_everything_but_indexes_comes_back(full: Collection, tmp_path: Path, found: Make) -> None:
    report = export_collection(full, tmp_path / "out.tar")
    assert (report.items, report.skipped) == (6, ())
    assert report.bytes == (tmp_path / "out.tar").stat().st_size
    assert (tmp_path / "out.tar").stat().st_mode & 0o777 == 0o600
    assert import_collection(tmp_path / "out.tar", tmp_path / "copy") == 6
    with Collection.open(tmp_path / "copy") as copy:
        assert copy.name == "copy"
        assert copy.uid != full.uid
        assert list(map(told, copy.items())) == list(map(told, full.items()))
        assert phashes(copy) == phashes(full)
        ids = [item.id for item in copy.items()]
        for one in ids:
            assert copy.file(one).read_bytes() == full.file(one).read_bytes()
            assert copy.image(one).size == (12, 8)
        for space in ("space a", "space b"):
            mine, theirs = full.vectors(space, ids), copy.vectors(space, ids)
            assert mine.keys() == theirs.keys()
            assert all(np.array_equal(mine[one], theirs[one]) for one in mine)
        # What was purged there is refused here, and what was removed there is not here.
        assert len(copy.add([found(0)]).skipped) == 1
        assert copy.add([found(4)]).added == 1
        assert copy.stats().removed == 0
    assert leftovers(tmp_path) == []


def test_an_export_without_private_items_says_nothing_of_them(
    full: Collection, tmp_path: Path
) -> None:
    hidden = list(full.items(private=True))
    report = export_collection(full, tmp_path / "out.tar", private=False)
    assert report.items == 3
    data = (tmp_path / "out.tar").read_bytes()
    for item in hidden:
        for trace in (item.id.encode(), bytes.fromhex(item.id), full.file(item.id).read_bytes()):
            assert trace not in data
        assert full.vectors("space a", [item.id])[item.id].tobytes() not in data
    assert full._catalogue.meta("salt").encode() not in data
    import_collection(tmp_path / "out.tar", tmp_path / "copy")
    with Collection.open(tmp_path / "copy") as copy:
        assert [item.private for item in copy.items()] == [False] * 3
        assert [item.near for item in copy.items()] == [None, next(copy.items()).id, None]


def test_any_tar_program_reads_an_export(full: Collection, tmp_path: Path) -> None:
    export_collection(full, tmp_path / "out.tar")
    with tarfile.open(tmp_path / "out.tar") as archive:
        names = archive.getnames()
        manifest = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert len([name for name in names if name.startswith("images/")]) == manifest["images"] == 6
    assert names[-1] == "manifest.json"
    assert manifest["files"].keys() == set(names[6:-1])


def test_a_lost_or_changed_image_is_named_and_the_others_exported(
    full: Collection, tmp_path: Path
) -> None:
    lost, changed = [item.id for item in full.items()][:2]
    full.file(lost).unlink()
    full.file(changed).write_bytes(b"other")
    report = export_collection(full, tmp_path / "out.tar")
    assert [name for name, _ in report.skipped] == [lost, changed]
    assert import_collection(tmp_path / "out.tar", tmp_path / "copy") == report.items == 4


def test_nothing_is_overwritten(full: Collection, tmp_path: Path) -> None:
    export_collection(full, tmp_path / "out.tar")
    before = (tmp_path / "out.tar").read_bytes()
    with pytest.raises(CollectionError, match="already"):
        export_collection(full, tmp_path / "out.tar")
    assert (tmp_path / "out.tar").read_bytes() == before
    with pytest.raises(CollectionError, match="already"):
        import_collection(tmp_path / "out.tar", full.path)
    with pytest.raises(CollectionError, match="no file"):
        import_collection(tmp_path / "nowhere.tar", tmp_path / "copy")
    with pytest.raises(CollectionError, match="Cannot export"):
        export_collection(full, tmp_path / "no" / "folder" / "out.tar")
    assert len(full) == 6


@pytest.mark.parametrize("flips", [40, pytest.param(1_000, marks=pytest.mark.long)])
def test_no_flipped_bit_is_imported(full: Collection, tmp_path: Path, flips: int) -> None:
    export_collection(full, tmp_path / "out.tar")
    good = bytearray((tmp_path / "out.tar").read_bytes())
    chance = random.Random(3)
    for _ in range(flips):
        at = chance.randrange(8 * len(good))
        good[at // 8] ^= 1 << at % 8
        (tmp_path / "bad.tar").write_bytes(good)
        with pytest.raises(CollectionError, match="refused"):
            import_collection(tmp_path / "bad.tar", tmp_path / "copy")
        good[at // 8] ^= 1 << at % 8
    assert not (tmp_path / "copy").exists()
    assert leftovers(tmp_path) == []


def test_no_cut_file_is_imported(full: Collection, tmp_path: Path) -> None:
    export_collection(full, tmp_path / "out.tar")
    good = (tmp_path / "out.tar").read_bytes()
    cuts = [0, 1, 511, 512, 513, len(good) - 1, len(good) - 512, len(good) - 1024]
    cuts += range(600, len(good) - 1024, 1201)
    for cut in cuts:
        (tmp_path / "bad.tar").write_bytes(good[:cut])
        with pytest.raises(CollectionError, match="refused"):
            import_collection(tmp_path / "bad.tar", tmp_path / "copy")
    (tmp_path / "bad.tar").write_bytes(good + b"x")
    with pytest.raises(CollectionError, match="follows its end"):
        import_collection(tmp_path / "bad.tar", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_an_empty_collection_can_be_exported(collection: Collection, tmp_path: Path) -> None:
    assert export_collection(collection, tmp_path / "out.tar").items == 0
    assert import_collection(tmp_path / "out.tar", tmp_path / "copy") == 0
    with Collection.open(tmp_path / "copy") as copy:
        assert len(copy) == 0


def members(path: Path) -> list[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        return [
            (one.name, archive.extractfile(one).read())  # type: ignore[union-attr]
            for one in archive.getmembers()
        ]


def pack(parts: list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    for name, data in parts:
        out.write(header(name, len(data)) + data + padding(len(data)))
    return out.getvalue() + bytes(1024)


def test_what_contradicts_itself_is_refused(full: Collection, tmp_path: Path) -> None:
    """Every part is whole, and the manifest fits, but the whole makes no sense."""
    export_collection(full, tmp_path / "out.tar")
    parts = members(tmp_path / "out.tar")
    items = next(n for n, (name, _) in enumerate(parts) if name == "items.jsonl")
    lines = parts[items][1].splitlines(keepends=True)

    def changed(**values: object) -> bytes:
        return json.dumps({**json.loads(lines[0]), **values}).encode() + b"\n"

    bad_lines = [
        [*lines[1:]],
        [*lines, lines[0]],
        [changed(id="0" * 64), *lines[1:]],
        [changed(id="../../etc/passwd"), *lines[1:]],
        [changed(format="gif"), *lines[1:]],
        [changed(format="jpg"), *lines[1:]],
        [changed(bytes=1), *lines[1:]],
        [changed(private=0), *lines[1:]],
        [changed(width=10**9), *lines[1:]],
        [changed(width=True), *lines[1:]],
        [changed(added=-1), *lines[1:]],
        [changed(phash=1 << 64), *lines[1:]],
        [changed(near="0" * 64), *lines[1:]],
        [changed(near="no id"), *lines[1:]],
        [changed(caption=None), *lines[1:]],
        [changed(tags="a"), *lines[1:]],
        [changed(tags=[1]), *lines[1:]],
        [changed(licence=["CC0"]), *lines[1:]],
        [changed(more=1), *lines[1:]],
        [b"[]\n", *lines[1:]],
        [b"[" * 100_000 + b"\n", *lines[1:]],
        [b"\xff\xfe\n", *lines[1:]],
        [lines[0].rstrip(b"\n")],
        [b"\n", *lines],
    ]
    for bad in bad_lines:
        assert_refused(
            tmp_path, [*parts[:items], ("items.jsonl", b"".join(bad)), *parts[items + 1 :]]
        )


def assert_refused(folder: Path, parts: list[tuple[str, bytes]]) -> None:
    """Write an archive with a manifest that fits, and have it refused without a trace."""
    images = [data for name, data in parts if name.startswith("images/")]
    others = {
        name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in parts
        if not name.startswith("images/") and name != "manifest.json"
    }
    manifest = {
        "format": "imagerag-collection",
        "version": 1,
        "name": "x",
        "images": len(images),
        "image_bytes": sum(map(len, images)),
        "files": others,
    }
    whole = [*parts[:-1], ("manifest.json", json.dumps(manifest).encode())]
    (folder / "bad.tar").write_bytes(pack(whole))
    with pytest.raises(CollectionError, match="refused"):
        import_collection(folder / "bad.tar", folder / "copy")
    assert not (folder / "copy").exists()
    assert leftovers(folder) == []


def test_embeddings_that_fit_nothing_are_refused(full: Collection, tmp_path: Path) -> None:
    export_collection(full, tmp_path / "out.tar")
    parts = dict(members(tmp_path / "out.tar"))
    rows, ids = parts["spaces/0.f32"], parts["spaces/0.ids"]
    nan = np.full(4, np.nan, dtype="<f4").tobytes()
    for name, data in (
        ("spaces/0.f32", rows[:-4]),
        ("spaces/0.f32", rows + rows[:16]),
        ("spaces/0.f32", nan + rows[16:]),
        ("spaces/0.ids", ids[:-1]),
        ("spaces/0.ids", ids[:32] + ids[:-32]),
        ("spaces/0.ids", bytes(32) + ids[32:]),
        ("spaces/0.json", b'{"space": "a", "dim": 5}'),
        ("spaces/0.json", b'{"space": "a", "dim": 0}'),
        ("spaces/0.json", b'{"space": 1, "dim": 4}'),
        ("spaces/0.json", b'{"space": "space b", "dim": 4}'),
        ("spaces/0.json", b"[]"),
        ("purged.json", b"[]"),
        ("purged.json", b'{"salt": "x", "marks": []}'),
        ("purged.json", b'{"salt": "' + b"0" * 64 + b'", "marks": [["x", 1]]}'),
    ):
        assert_refused(tmp_path, list({**parts, name: data}.items()))
    for name in ("spaces/0.f32", "spaces/0.ids", "spaces/0.json"):
        assert_refused(tmp_path, [one for one in parts.items() if one[0] != name])


def test_texts_of_an_archive_are_cleaned_as_all_texts_are(full: Collection, tmp_path: Path) -> None:
    export_collection(full, tmp_path / "out.tar")
    parts = dict(members(tmp_path / "out.tar"))
    parts["items.jsonl"] = parts["items.jsonl"].replace(
        "picture 1 é".encode(), b"a\\u202e\\u0000 b\\n<x>"
    )
    manifest = json.loads(parts["manifest.json"])
    manifest["files"]["items.jsonl"] = {
        "size": len(parts["items.jsonl"]),
        "sha256": hashlib.sha256(parts["items.jsonl"]).hexdigest(),
    }
    parts["manifest.json"] = json.dumps(manifest).encode()
    (tmp_path / "odd.tar").write_bytes(pack(list(parts.items())))
    import_collection(tmp_path / "odd.tar", tmp_path / "copy")
    with Collection.open(tmp_path / "copy") as copy:
        assert next(copy.items()).caption == "a b <x>"
