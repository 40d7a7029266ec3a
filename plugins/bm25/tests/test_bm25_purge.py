"""A purge takes items out of the index and out of the kept captions, to the last byte."""

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from imagerag import Query, Registry
from imagerag.collection import Collection
from imagerag.hooks import GROUP
from imagerag_bm25.reranker import Bm25Reranker
from imagerag_bm25.retriever import Bm25Retriever
from imagerag_bm25.shelf import CaptionShelf


@pytest.fixture
def alone() -> Registry:
    """A registry in which this distribution alone is installed."""
    return Registry([EntryPoint("bm25", "imagerag_bm25.plugin", GROUP)])


def holds(folder: Path, wanted: bytes) -> bool:
    return any(wanted in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def found(retriever: Bm25Retriever, text: str) -> list[str]:
    return [hit.item.caption for hit in retriever.search([Query(text)], 10)[0]]


def test_an_index_goes_on_without_what_was_purged(
    collection: Collection,
    put: Callable[..., None],
    identity: Callable[[int], str],
    retrieve: Callable[..., Bm25Retriever],
    alone: Registry,
) -> None:
    put(collection, ["a red kite", "a zeppelin", "a blue kite", "a kite and a xylophone"])
    retriever = retrieve()
    retriever.sync(collection)
    # Its row was dead already, and would have stayed as long as few are.
    collection.remove([identity(3)])
    retriever.sync(collection)
    (folder,) = (collection.path / "indexes").iterdir()
    assert holds(folder, b"zeppelin")
    assert holds(folder, bytes.fromhex(identity(3)))
    collection.purge([identity(1), identity(3)], registry=alone)
    for n in (1, 3):
        assert not holds(folder, bytes.fromhex(identity(n)))
    for word in (b"zeppelin", b"xylophon"):
        assert not holds(collection.path, word)
    assert holds(folder, bytes.fromhex(identity(0)))
    # Not built anew: nothing but what changed is applied.
    assert retriever.sync(collection) == 0
    assert found(retriever, "zeppelin") == []
    assert found(retriever, "kite") == ["a red kite", "a blue kite"]
    fresh = retrieve()
    assert fresh.sync(collection) == 0
    assert fresh.search([Query("kite")], 5) == retriever.search([Query("kite")], 5)


def test_an_index_that_holds_nothing_else_is_empty_afterwards(
    collection: Collection,
    put: Callable[..., None],
    identity: Callable[[int], str],
    retrieve: Callable[..., Bm25Retriever],
    alone: Registry,
) -> None:
    put(collection, ["a red kite"])
    retriever = retrieve()
    retriever.sync(collection)
    collection.purge([identity(0)], registry=alone)
    retriever.sync(collection)
    assert found(retriever, "kite") == []
    assert not holds(collection.path, b"kite")


def test_a_damaged_index_is_deleted_whole(
    collection: Collection,
    put: Callable[..., None],
    identity: Callable[[int], str],
    retrieve: Callable[..., Bm25Retriever],
    alone: Registry,
) -> None:
    put(collection, ["a red kite", "a zeppelin"])
    retriever = retrieve()
    retriever.sync(collection)
    (folder,) = (collection.path / "indexes").iterdir()
    (segment,) = folder.glob("captions-*")
    segment.write_bytes(segment.read_bytes()[:-1])
    collection.purge([identity(1)], registry=alone)
    assert not holds(collection.path, b"zeppelin")
    assert retriever.sync(collection) == 1
    assert found(retriever, "kite zeppelin") == ["a red kite"]


def test_captions_that_a_critic_wrote_go_as_well(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    collection: Collection,
    put: Callable[..., None],
    identity: Callable[[int], str],
    alone: Registry,
) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *names, **more: str(tmp_path / "u"))
    put(collection, ["a red kite", "a zeppelin"])
    folder = tmp_path / "u" / "reranker" / "bm25"
    with_captions = CaptionShelf(folder)
    for captioner in ("one", "other"):
        for n in range(2):
            with_captions.put(captioner, identity(n), f"what {captioner} says of number {n}")
    # Also the one that another took the place of.
    with_captions.put("one", identity(1), "the final word")
    # Open as in a process that captions at this moment.
    collection.purge([identity(1)], registry=alone)
    for gone in ("number 1", "the final word", identity(1)):
        assert not holds(tmp_path / "u", gone.encode())
    assert with_captions.get("one", identity(1)) is None
    assert with_captions.get("other", identity(0)) == "what other says of number 0"
    with_captions.close()


def test_where_no_caption_was_kept_no_file_is_made(tmp_path: Path) -> None:
    Bm25Reranker.purge(tmp_path / "c", {"00" * 32}, tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "here").mkdir()
    Bm25Reranker.purge(tmp_path / "c", {"00" * 32}, tmp_path / "here")
    assert not list((tmp_path / "here").glob("captions*"))


def test_a_purge_waits_for_a_critic_that_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imagerag import folder_lock
    from imagerag.errors import CollectionError

    monkeypatch.setattr(folder_lock, "PATIENCE", 0.1)
    told: list[Any] = []
    with folder_lock.only_one(tmp_path), pytest.raises(CollectionError, match="another process"):
        told.append(Bm25Reranker.purge(tmp_path / "c", {"00" * 32}, tmp_path))
    assert told == []
