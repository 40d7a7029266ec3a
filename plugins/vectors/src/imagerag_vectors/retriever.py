"""A retriever over vectors: an index in the collection's own folder, caught up before a search."""

from __future__ import annotations

import hashlib
import logging
import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from imagerag.embedding import Embedder, checked
from imagerag.errors import CollectionError
from imagerag.folder_lock import only_one
from imagerag.roles import Context, Encoder, Retriever
from imagerag.values import Hit, Item, Query
from imagerag_vectors import exact
from imagerag_vectors.code import Code
from imagerag_vectors.config import VectorConfig
from imagerag_vectors.files import DamagedIndexError
from imagerag_vectors.hits import hits_of
from imagerag_vectors.info import indexes_in_words
from imagerag_vectors.purge import purge_indexes
from imagerag_vectors.scores import Candidates
from imagerag_vectors.store import VectorStore
from imagerag_vectors.sync import Sync, loaded, on_disk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imagerag.collection import Collection

log = logging.getLogger(__name__)

_ATTEMPTS = 3
"""A search is tried anew this often after the index was mended under it."""


@dataclass(frozen=True)
class _Opened:
    """One state of an index, which searches go on using while the next one is made."""

    collection: Collection
    store: VectorStore
    code: Code | None


class VectorRetriever(Retriever):
    """Finds the items nearest to a text or a picture in the encoder's space.

    A subclass names its `family` and makes its `code`; see `imagerag_vectors.code`. `skipped`
    names the items that the last sync could not read, as (id, reason).
    """

    config: VectorConfig
    family: ClassVar[str]

    def __init__(self, config: VectorConfig, context: Context) -> None:
        """Take the encoder from `context`; nothing is opened before the first sync."""
        super().__init__(config, context)
        self._lock = threading.RLock()
        self._opened: _Opened | None = None
        self.skipped: tuple[tuple[str, str], ...] = ()

    @abstractmethod
    def code(self, rows: int) -> Code | None:
        """Return a fresh structure for an index of `rows` rows, or None for exact search."""

    @property
    def kernel(self) -> exact.Kernel:
        """What reads every row; by default blocked matrix products."""
        return exact.products

    @property
    def rows(self) -> int:
        """How many rows the opened index has, dead ones included; 0 before the first sync."""
        opened = self._opened
        return 0 if opened is None else opened.store.rows

    def close(self) -> None:
        """Let go of the index's files."""
        with self._lock:
            self._opened = None

    def sync(self, collection: Collection) -> int:
        """Catch up with the collection; return how many changes were applied.

        Images are encoded where the collection keeps no embedding of them in the encoder's space.
        Those that cannot be read are skipped and named in `skipped`. A damaged index is built anew
        from kept embeddings, with a warning in the log. Raises `SpaceMismatchError` where the
        folder holds an index of another encoder.
        """
        encoder: Encoder = self.context.component("encoder")
        with self._lock:
            self.skipped = ()
            folder = index_folder(collection.path, self.family, encoder.space)
            opened = self._opened
            if (
                opened is not None
                and opened.collection is collection
                and opened.store.folder == folder
                and opened.store.manifest.change == collection.change
                and on_disk(folder) == opened.store.manifest
            ):
                return 0
            return self._catch_up(folder, collection, encoder)

    def search(
        self, queries: Sequence[Query], k: int, where: Callable[[Item], bool] | None = None
    ) -> list[list[Hit]]:
        """Return up to `k` hits per query: cosines descending, ties by item id, ids unique.

        Removed items never come back, even where they were removed after the last sync. With
        `where`, the search goes on until `k` items pass or none is left. Rows are checked when they
        are first read: where one is damaged, the index is built anew and asked again.
        """
        with self._lock:
            opened = self._opened
        if opened is None:
            raise CollectionError(
                "The index was searched before it was synchronised with a collection. "
                "Call sync(collection) first, or run: imagerag index"
            )
        if k < 1 or not queries or opened.store.rows == 0:
            return [[] for _ in queries]
        vectors = self._encode(queries)
        for attempt in range(_ATTEMPTS):
            try:
                return self._search(opened, queries, vectors, k, where)
            except DamagedIndexError as error:
                if attempt == _ATTEMPTS - 1:
                    raise
                opened = self._mend(opened, error)
        raise AssertionError("unreachable")

    def purge(self, collection_path: Path, ids: Set[str]) -> set[str]:
        """Write the collection's indexes of this family anew without some items; name them."""
        return purge_indexes(collection_path, self.family, ids)

    def info(self, collection: Collection) -> Mapping[str, str]:
        """Say how the indexes of this family search, what they hold, and if they are up to date."""
        return indexes_in_words(collection, self.family, getattr(self.config, "kind", self.family))

    def _search(
        self,
        opened: _Opened,
        queries: Sequence[Query],
        vectors: NDArray[np.float32],
        k: int,
        where: Callable[[Item], bool] | None,
    ) -> list[list[Hit]]:
        found: list[list[Hit]] = [[] for _ in queries]
        waiting = list(range(len(queries)))
        width = max(2 * k, 32)
        while waiting:
            everything = width >= opened.store.rows
            near = self._near(opened, vectors[waiting], width)
            for number, one in zip(waiting, near, strict=True):
                label = queries[number].text or ""
                found[number] = hits_of(one, opened.collection, opened.store, k, where, label)
            if everything:
                break
            waiting = [number for number in waiting if len(found[number]) < k]
            width *= 4
        return found

    def _near(self, opened: _Opened, vectors: NDArray[np.float32], width: int) -> list[Candidates]:
        store, code = opened.store, opened.code
        # Where a large part of the rows is wanted, a structure gains nothing and may miss some.
        if code is None or width * 4 >= store.rows:
            return exact.nearest(store, vectors, width, self.kernel)
        named = code.candidates(vectors, width, self.config.threads)
        return [
            exact.among(store, rows[~store.dead[rows]], query, width, self.kernel)
            for query, rows in zip(vectors, named, strict=True)
        ]

    def _encode(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        import numpy as np

        encoder: Encoder = self.context.component("encoder")
        vectors = np.empty((len(queries), encoder.dim), dtype=np.float32)
        texts = {i: query.text for i, query in enumerate(queries) if query.text is not None}
        images = {i: query.image for i, query in enumerate(queries) if query.image is not None}
        if texts:
            encoded = encoder.encode_texts(list(texts.values()))
            vectors[list(texts)] = checked(encoded, len(texts), encoder)
        if images:
            encoded = encoder.encode_images(list(images.values()))
            vectors[list(images)] = checked(encoded, len(images), encoder)
        return vectors

    def _catch_up(
        self, folder: Path, collection: Collection, encoder: Encoder, *, anew: bool = False
    ) -> int:
        with only_one(folder):
            try:
                return self._apply(folder, collection, encoder, anew=anew)
            except DamagedIndexError as error:
                _warn(folder, error)
                return self._apply(folder, collection, encoder, anew=True)

    def _apply(self, folder: Path, collection: Collection, encoder: Encoder, *, anew: bool) -> int:
        store = loaded(folder, collection, encoder, self.config.dtype, anew=anew)
        embedder = Embedder(collection, encoder, self.config.batch_size)
        applied = Sync(store, collection, embedder, self.code, self.context.progress).run()
        self.skipped = tuple(embedder.skipped)
        for identity, reason in self.skipped:
            log.warning("The item %s was left out of the index: %s", identity[:12], reason)
        code = self.code(store.rows) if store.manifest.code is not None else None
        if code is not None and store.manifest.code is not None:
            code.open(store, store.manifest.code)
        self._opened = _Opened(collection, store, code)
        return applied

    def _mend(self, broken: _Opened, error: DamagedIndexError) -> _Opened:
        """Return another state of the index: a newer one that another made, or one built anew."""
        with self._lock:
            folder, collection = broken.store.folder, broken.collection
            if self._opened is broken or self._opened is None:
                # A file may be gone because another process has written the next state.
                anew = on_disk(folder) == broken.store.manifest
                if anew:
                    _warn(folder, error)
                self._catch_up(folder, collection, self.context.component("encoder"), anew=anew)
            assert self._opened is not None
            return self._opened


def index_folder(collection: Path, family: str, space: str) -> Path:
    """Return where the index of a collection in an encoder's space lies."""
    return collection / "indexes" / f"{family}-{hashlib.sha256(space.encode()).hexdigest()[:16]}"


def _warn(folder: Path, error: DamagedIndexError) -> None:
    log.warning("The index %s is damaged and is built anew: %s.", folder, error)
