"""What is purged is nowhere in the folder, cannot come back unasked, and goes through any crash."""

import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagerag.collection import Collection, ingest, purge
from imagerag.errors import CollectionError
from imagerag.registry import Registry
from imagerag.roles import Found

Make = Callable[..., Found]
SPACE = "a space"


@pytest.fixture
def bare() -> Registry:
    """A registry without plugins: nobody is asked to purge."""
    return Registry([])


def fill(collection: Collection, found: Make, count: int = 8) -> list[str]:
    collection.add(
        found(n, caption=f"the very private caption {n} \u00e9", source=f"/photos/secret {n}.png")
        for n in range(count)
    )
    ids = [item.id for item in collection.items()]
    collection.put_vectors(SPACE, ids, vectors(count))
    index = collection.path / "indexes" / "some-index"
    index.mkdir(parents=True)
    (index / "ids").write_bytes(b"".join(map(bytes.fromhex, ids)))
    (index / "rows").write_bytes(vectors(count).astype("<f2").tobytes())
    return ids


def vectors(count: int) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(count, 24)).astype(np.float32)


def traces(number: int, identity: str, data: bytes) -> dict[str, bytes]:
    """What a byte search looks for: it must find none of these."""
    vector = vectors(number + 1)[number]
    return {
        "hash": identity.encode(),
        "raw hash": bytes.fromhex(identity),
        "caption": f"private caption {number} \u00e9".encode(),
        "path": f"secret {number}.png".encode(),
        "f32": vector.astype("<f4").tobytes(),
        "f16": vector.astype("<f2").tobytes(),
        "pixels": data[16:],
    }


def found_in(folder: Path, wanted: dict[str, bytes]) -> set[str]:
    """Search every file of a folder, its names included, byte by byte."""
    hits = set()
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder)).encode()
        data = name + b"\n" + (path.read_bytes() if path.is_file() else b"")
        hits.update(what for what, one in wanted.items() if one in data)
    return hits


def test_nothing_of_a_purged_item_is_left_in_the_folder(
    collection: Collection, found: Make, bare: Registry
) -> None:
    ids = fill(collection, found)
    gone = {n: traces(n, ids[n], found(n).data or b"") for n in (2, 5)}
    assert found_in(collection.path, gone[2]) == set(gone[2])
    report = collection.purge([ids[2], ids[5], "unknown"], registry=bare)
    assert report.purged == 2
    assert report.bytes == sum(len(found(n).data or b"") for n in gone)
    for wanted in gone.values():
        assert found_in(collection.path, wanted) == set()
    stays = traces(3, ids[3], found(3).data or b"")
    assert found_in(collection.path, stays) >= {"hash", "caption", "path", "f32", "pixels"}
    assert [item.id for item in collection.items()] == [
        one for n, one in enumerate(ids) if n not in gone
    ]
    assert collection.vectors(SPACE, ids).keys() == {item.id for item in collection.items()}


def test_the_receipt_tells_how_much_and_never_what(
    collection: Collection, found: Make, bare: Registry
) -> None:
    ids = fill(collection, found)
    report = collection.purge(ids[:3], registry=bare)
    assert report.receipt is not None
    told = json.loads(report.receipt.read_text())
    assert (told["images"], len(told["marks"])) == (3, 3)
    assert told.keys() == {"purged", "images", "bytes", "marks"}
    for n in range(3):
        wanted = traces(n, ids[n], found(n).data or b"")
        assert found_in(report.receipt.parent, wanted) == set()
    again = collection.purge(ids[3:5], registry=bare)
    assert again.receipt != report.receipt
    assert len(list(report.receipt.parent.glob("*.json"))) == 2
    assert collection.purge(ids[:3], registry=bare).receipt is None


def test_what_was_purged_is_refused_unless_allowed(
    collection: Collection, found: Make, bare: Registry
) -> None:
    ids = fill(collection, found, 3)
    collection.purge(ids[:1], registry=bare)
    report = collection.add([found(n) for n in range(4)])
    assert (report.added, report.unchanged) == (1, 2)
    ((name, reason),) = report.skipped
    assert name == "0.png"
    assert "was purged on 2" in reason
    assert "--allow-purged" in reason
    assert collection.add([found(0)], allow_purged=True).added == 1
    # Once allowed, it is an item like any other.
    assert collection.add([found(0)]).unchanged == 1
    assert collection.image(ids[0]).size == (12, 8)


def test_hidden_items_can_be_purged_as_well(
    collection: Collection, found: Make, bare: Registry
) -> None:
    ids = fill(collection, found, 4)
    collection.remove(ids[:2])
    assert list(collection.removed()) == ids[:2]
    assert collection.purge(collection.removed(), registry=bare).purged == 2
    assert list(collection.removed()) == []
    assert collection.stats().removed == 0
    assert len(list((collection.path / "images").rglob("*.png"))) == 2


def test_all_of_more_than_a_page_goes(collection: Collection, found: Make, bare: Registry) -> None:
    collection.add(found(n) for n in range(1001))
    ids = [item.id for item in collection.items()]
    change = collection.change
    assert collection.purge(ids, registry=bare).purged == 1001
    assert len(collection) == 0
    assert not [path for path in (collection.path / "images").rglob("*") if path.is_file()]
    # Change numbers never come twice, even where the latest row is gone.
    assert collection.change > change
    assert collection.add([found(2000)]).added == 1
    assert next(collection.items()).change > change


def test_an_item_that_nearly_repeats_a_purged_one_forgets_it(
    collection: Collection, found: Make, bare: Registry
) -> None:
    ids = fill(collection, found, 3)
    catalogue = collection._catalogue
    with catalogue.writing():
        for one, near in ((ids[1], ids[0]), (ids[2], ids[1])):
            catalogue.rows(
                "UPDATE items SET near = ?, change = ? WHERE id = ?",
                (near, catalogue.next_changes(1)[0], one),
            )
    collection.purge(ids[:1], registry=bare)
    assert [item.near for item in collection.items()] == [None, ids[1]]
    assert found_in(collection.path, {"hash": ids[0].encode()}) == set()


def test_where_a_source_had_it_is_forgotten(
    collection: Collection, found: Make, bare: Registry
) -> None:
    ids = fill(collection, found, 2)
    catalogue = collection._catalogue
    with catalogue.writing():
        catalogue.many(
            "INSERT OR REPLACE INTO origins VALUES (?, ?, 1, 2, ?)",
            [("/photos", f"where {n}.png", one) for n, one in enumerate(ids)],
        )
    collection.purge(ids[:1], registry=bare)
    assert found_in(collection.path, {"path": b"where 0.png"}) == set()
    assert found_in(collection.path, {"path": b"where 1.png"}) == {"path"}


def test_an_addition_under_way_does_not_name_what_is_purged_meanwhile(
    collection: Collection, bare: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH_ITEMS", 4)
    noise = np.random.default_rng(2).integers(0, 255, (8, 8, 3)).astype(np.uint8)

    def near(number: int) -> Found:
        """Pictures of one kind, each with other bytes."""
        buffer = io.BytesIO()
        picture = Image.fromarray(noise).resize((96, 96), Image.Resampling.BICUBIC)
        picture.putpixel((number, 0), (number, 0, 0))
        picture.save(buffer, "PNG")
        return Found(f"{number}.png", data=buffer.getvalue())

    def source() -> Iterator[Found]:
        yield from (near(number) for number in range(1, 9))
        for _ in range(1_000):  # until a batch of them is written
            if len(collection) >= 6:
                break
            time.sleep(0.01)
        collection.purge([first], registry=bare)
        yield near(10)

    collection.add([near(0)], isolated=False)
    first = next(collection.items()).id
    collection.add([near(90)], isolated=False)
    assert [item.near for item in collection.items()] == [None, first]
    collection.add(source(), isolated=False)
    assert found_in(collection.path, {"hash": first.encode()}) == set()
    assert first not in {item.near for item in collection.items()}


class Stopped(BaseException):
    """A process that ends here."""


STEPS = (
    "ask_owners",
    "Purge._delete_derived",
    "Purge._delete_page",
    "Purge._forget_likeness",
    "Purge._compact",
    "receipts.write",
)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("late", [False, True])
def test_a_purge_that_was_cut_short_is_finished_at_the_next_opening(
    tmp_path: Path,
    found: Make,
    bare: Registry,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    late: bool,
) -> None:
    with Collection.create(tmp_path / "c") as made:
        ids = fill(made, found)
        stop(monkeypatch, step, late)
        with pytest.raises(Stopped):
            made.purge(ids[:3], registry=bare)
        # Nobody sees them any more, whatever comes next.
        assert made.lookup(ids).keys() == set(ids[3:])
        monkeypatch.undo()
    with Collection.open(tmp_path / "c") as opened:
        assert not purge.Purge(opened.path, opened._catalogue, opened._files, bare).is_under_way()
        for n in range(3):
            assert found_in(opened.path, traces(n, ids[n], found(n).data or b"")) == set()
        assert [item.id for item in opened.items()] == ids[3:]
        assert opened.stats().removed == 0
        receipts = list((opened.path / "receipts").glob("*.json"))
        assert [json.loads(one.read_text())["images"] for one in receipts] == [3]
        assert len(opened.add([found(n) for n in range(3)]).skipped) == 3


def stop(monkeypatch: pytest.MonkeyPatch, step: str, late: bool) -> None:
    """Have the process end before or after a step of a purge."""
    owner: object = purge
    *where, name = step.split(".")
    for one in where:
        owner = getattr(owner, one)
    real = getattr(owner, name)

    def stopping(*args: object, **options: object) -> object:
        if late:
            real(*args, **options)
        raise Stopped

    monkeypatch.setattr(owner, name, stopping)


def test_a_purge_in_another_process_is_left_to_it(
    tmp_path: Path, found: Make, bare: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collection.create(tmp_path / "c") as first:
        ids = fill(first, found)
        real = purge.Purge._compact
        seen = []

        def look(self: purge.Purge) -> None:
            with Collection.open(first.path) as second:
                seen.append(len(second))
            real(self)

        monkeypatch.setattr(purge.Purge, "_compact", look)
        assert first.purge(ids[:2], registry=bare).purged == 2
        assert seen == [6]


def test_a_failed_deletion_is_told_and_made_good(
    tmp_path: Path, found: Make, bare: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.unlink

    def refuse(self: Path, missing_ok: bool = False) -> None:
        if "images" in self.parts:
            raise PermissionError(13, "Permission denied")
        real(self, missing_ok)

    with Collection.create(tmp_path / "c") as made:
        ids = fill(made, found)
        monkeypatch.setattr(Path, "unlink", refuse)
        with pytest.raises(
            CollectionError, match=r"Permission denied.*when the collection is next"
        ):
            made.purge(ids[:2], registry=bare)
        monkeypatch.undo()
    with Collection.open(tmp_path / "c") as opened:
        for n in range(2):
            assert found_in(opened.path, traces(n, ids[n], found(n).data or b"")) == set()
