"""A collection keeps each image once, remembers every change, and hides what is removed."""

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagerag.collection import AddReport, Collection, default_root, resolve
from imagerag.errors import CollectionError, ImageError, SpaceMismatchError
from imagerag.roles import Found

Make = Callable[..., Found]


def test_id_is_the_sha256_of_the_bytes(collection: Collection, found: Make) -> None:
    one = found(1, caption="a hedgehog", licence="CC0", creator="me", tags=("animal",))
    collection.add([one])
    assert one.data is not None
    item = collection.get(hashlib.sha256(one.data).hexdigest())
    assert (item.caption, item.licence, item.creator) == ("a hedgehog", "CC0", "me")
    assert (item.source, item.tags, item.private) == (None, ("animal",), False)
    assert (item.width, item.height, item.change) == (12, 8, 1)
    assert collection.file(item.id).read_bytes() == one.data
    assert collection.image(item.id).size == (12, 8)


def test_adding_again_changes_nothing(collection: Collection, found: Make) -> None:
    images = [found(n, caption=f"picture {n}") for n in range(150)]
    assert collection.add(images) == AddReport(added=150)
    before = collection.change
    assert collection.add(images) == AddReport(unchanged=150)
    assert (collection.change, len(collection)) == (before, 150)


def test_same_bytes_under_other_names_are_one_item(collection: Collection, found: Make) -> None:
    twins = [found(1, caption="first"), found(1, caption="second")]
    assert collection.add(twins) == AddReport(added=1, duplicates=1)
    assert next(collection.items()).caption == "first"
    assert collection.add(twins) == AddReport(unchanged=1, duplicates=1)


def test_a_changed_caption_or_licence_is_an_update(collection: Collection, found: Make) -> None:
    collection.add([found(1, caption="old", licence="CC0", creator="me")])
    assert collection.add([found(1, caption="new", licence="CC-BY-4.0")]).updated == 1
    item = next(collection.items())
    assert (item.caption, item.licence, item.change) == ("new", "CC-BY-4.0", 2)


def test_the_unknown_never_erases_what_is_known(collection: Collection, found: Make) -> None:
    collection.add([found(1, caption="a", licence="CC0", creator="me", source="u", tags=("t",))])
    assert collection.add([found(1)]).unchanged == 1


def test_private_stays_private_when_added_again(collection: Collection, found: Make) -> None:
    collection.add([found(1)], private=True)
    collection.add([found(1, caption="new"), found(2)])
    assert [item.private for item in collection.items()] == [True, False]
    assert len(list(collection.items(private=True))) == 1
    assert len(list(collection.items(private=False))) == 1


def test_removing_hides_at_once_and_adding_brings_back(collection: Collection, found: Make) -> None:
    collection.add([found(1), found(2)])
    gone, stays = [item.id for item in collection.items()]
    assert collection.remove([gone, gone, "unknown"]) == 1
    assert (len(collection), collection.has(gone), collection.has(stays)) == (1, False, True)
    assert collection.lookup([gone, stays]).keys() == {stays}
    for ask in (collection.get, collection.file, collection.image):
        with pytest.raises(CollectionError, match="no item"):
            ask(gone)
    assert collection.remove([gone]) == 0
    assert collection.add([found(1, caption="back")]).added == 1
    assert collection.get(gone).caption == "back"


def test_changes_tell_each_items_latest_state_in_order(collection: Collection, found: Make) -> None:
    collection.add([found(n) for n in range(5)])
    ids = [item.id for item in collection.items()]
    collection.remove([ids[1]])
    collection.add([found(3, caption="new")])
    changes = list(collection.changes(0))
    assert [change.id for change in changes] == [ids[0], ids[2], ids[4], ids[1], ids[3]]
    assert [change.number for change in changes] == [1, 3, 5, 6, 7]
    assert [change.item is None for change in changes] == [False, False, False, True, False]
    assert [change.number for change in collection.changes(5)] == [6, 7]
    assert list(collection.changes(7)) == []


def test_pages_lose_nothing_at_their_ends(collection: Collection, found: Make) -> None:
    collection.add(found(n) for n in range(1001))
    assert len(list(collection.items())) == len(list(collection.changes(0))) == 1001
    ids = [item.id for item in collection.items()]
    assert len(collection.lookup(ids)) == 1001


def test_embeddings_are_kept_by_item_and_space(collection: Collection, found: Make) -> None:
    collection.add([found(n) for n in range(3)])
    ids = [item.id for item in collection.items()]
    vectors = np.eye(3, 4, dtype=np.float32)
    collection.put_vectors("space a", [*ids[:2], "0" * 64], vectors)
    kept = collection.vectors("space a", ids)
    assert kept.keys() == set(ids[:2])
    assert np.array_equal(kept[ids[1]], vectors[1])
    assert kept[ids[1]].dtype == np.float32
    assert collection.vectors("space b", ids) == {}
    with pytest.raises(SpaceMismatchError, match="4 dimensions"):
        collection.put_vectors("space a", ids, np.eye(3, 5, dtype=np.float32))
    with pytest.raises(CollectionError, match="not finite"):
        collection.put_vectors("space a", ids, np.full((3, 4), np.nan, dtype=np.float32))
    with pytest.raises(CollectionError, match="3 ids"):
        collection.put_vectors("space a", ids, np.eye(2, 4, dtype=np.float32))


def test_a_damaged_embedding_counts_as_absent(
    collection: Collection, found: Make, caplog: pytest.LogCaptureFixture
) -> None:
    collection.add([found(1)])
    ids = [item.id for item in collection.items()]
    collection.put_vectors("s", ids, np.ones((1, 4), dtype=np.float32))
    with sqlite3.connect(collection.path / "catalogue.sqlite") as other:
        other.execute("UPDATE embeddings SET vector = ?", (bytes(16),))
    other.close()
    assert collection.vectors("s", ids) == {}
    assert "damaged" in caplog.text
    collection.put_vectors("s", ids, np.ones((1, 4), dtype=np.float32))
    assert collection.vectors("s", ids).keys() == set(ids)


def test_a_changed_image_file_is_noticed_and_mended(collection: Collection, found: Make) -> None:
    collection.add([found(1), found(2)])
    changed, lost = [item.id for item in collection.items()]
    collection.file(changed).write_bytes(collection.file(lost).read_bytes() + b"x")
    collection.file(lost).unlink()
    with pytest.raises(ImageError, match="was changed"):
        collection.image(changed)
    with pytest.raises(CollectionError, match="cannot be read"):
        collection.image(lost)
    collection.add([found(1), found(2)])
    assert collection.image(changed).size == collection.image(lost).size == (12, 8)


def test_stats_count_what_is_there(collection: Collection, found: Make) -> None:
    collection.add([found(1, licence="CC0"), found(2, licence="CC0")])
    collection.add([found(3)], private=True)
    ids = [item.id for item in collection.items()]
    collection.put_vectors("s", ids, np.ones((3, 2), dtype=np.float32))
    collection.remove(ids[:1])
    stats = collection.stats()
    assert (stats.items, stats.private, stats.removed, stats.change) == (2, 1, 1, 4)
    assert stats.licences == {"CC0": 1, None: 1}
    assert stats.spaces == {"s": 2}
    assert stats.bytes == sum(collection.file(one).stat().st_size for one in ids[1:])


def test_captions_become_one_plain_line(collection: Collection, found: Make) -> None:
    collection.add([found(1, caption="a\x00 cat\u202e\n on\t a mat\u2066  cafe\u0301 👩‍🚀")])
    assert next(collection.items()).caption == "a cat on a mat café 👩‍🚀"
    collection.add([found(2, caption="word " * 10_000)])
    assert len(list(collection.items())[1].caption) <= 2000


def test_a_prefix_finds_ids(collection: Collection, found: Make) -> None:
    collection.add([found(n) for n in range(50)])
    for item in collection.items():
        assert collection.matching(item.id[:10]) == [item.id]
        assert item.id in collection.matching(item.id[:1].upper(), limit=50)
    assert collection.matching("zzz") == []


def test_progress_is_told_for_each_image(collection: Collection, found: Make) -> None:
    told: list[tuple[str, int, int]] = []
    collection.add([found(1), found(1), Found("no")], progress=lambda *args: told.append(args))
    assert told == [("add", 1, 0), ("add", 2, 0), ("add", 3, 0)]


def test_what_was_checked_is_kept_when_a_source_fails(collection: Collection, found: Make) -> None:
    def breaking() -> object:
        yield found(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collection.add(breaking())  # type: ignore[arg-type]
    assert len(collection) == 1


def test_a_missing_collection_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    Collection.create(tmp_path / "animals").close()
    with pytest.raises(CollectionError, match=r"Did you mean 'animals'\?.*collection create"):
        Collection.open(tmp_path / "animal")


def test_creating_twice_or_among_other_files_is_refused(tmp_path: Path) -> None:
    Collection.create(tmp_path / "a").close()
    with pytest.raises(CollectionError, match="already"):
        Collection.create(tmp_path / "a")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "x.jpg").touch()
    with pytest.raises(CollectionError, match="other files"):
        Collection.create(tmp_path / "photos")
    (tmp_path / "file").touch()
    with pytest.raises(CollectionError, match="Cannot make"):
        Collection.create(tmp_path / "file")


def test_newer_unfinished_and_foreign_catalogues_are_refused(tmp_path: Path) -> None:
    Collection.create(tmp_path / "new").close()
    with sqlite3.connect(tmp_path / "new" / "catalogue.sqlite") as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(CollectionError, match=r"version 99.*Upgrade"):
        Collection.open(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "catalogue.sqlite").touch()
    with pytest.raises(CollectionError, match="never finished"):
        Collection.open(tmp_path / "empty")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "catalogue.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(CollectionError, match="cannot be used"):
        Collection.open(tmp_path / "other")


def test_a_closed_collection_says_so(collection: Collection) -> None:
    collection.close()
    collection.close()
    with pytest.raises(CollectionError, match="is closed"):
        len(collection)


def test_names_live_under_the_home_and_paths_stay_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGERAG_HOME", str(tmp_path))
    assert default_root() == tmp_path / "collections"
    assert resolve("birds") == tmp_path / "collections" / "birds"
    monkeypatch.chdir(tmp_path)
    assert resolve("./birds") == tmp_path / "birds"
    assert resolve("a/birds") == tmp_path / "a" / "birds"
    assert resolve(tmp_path / "x") == tmp_path / "x"
    assert resolve("~/x") == Path.home() / "x"
    for bad in ("", "two words", "-x", "ü", "a" * 65, "a\nb"):
        with pytest.raises(CollectionError, match="not a name"):
            resolve(bad)
    monkeypatch.delenv("IMAGERAG_HOME")
    assert default_root().name == "collections"


@settings(max_examples=20, deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from("aru"), st.integers(0, 8)), max_size=25))
def test_a_follower_of_changes_ends_where_the_collection_is(
    tmp_path_factory: pytest.TempPathFactory,
    picture: Callable[..., bytes],
    steps: list[tuple[str, int]],
) -> None:
    folder = tmp_path_factory.mktemp("walk")
    with Collection.create(folder / "c") as made:
        follower: dict[str, str] = {}
        expected: dict[str, str] = {}
        last = 0
        for number, (step, which) in enumerate(steps):
            caption = f"caption {number}" if step == "u" else "first"
            one = Found(str(which), data=picture(which), caption=caption)
            identity = hashlib.sha256(one.data or b"").hexdigest()
            if step == "r":
                made.remove([identity])
                expected.pop(identity, None)
            else:
                made.add([one])
                expected[identity] = one.caption
            if number % 3 == 0:
                last = follow(made, follower, last)
        follow(made, follower, last)
        assert follower == expected == {item.id: item.caption for item in made.items()}


def follow(made: Collection, follower: dict[str, str], last: int) -> int:
    for change in made.changes(last):
        assert change.number > last
        last = change.number
        if change.item is None:
            follower.pop(change.id, None)
        else:
            follower[change.id] = change.item.caption
    return last
