"""The retriever `private`: private collections first, then the general pool."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imagerag.errors import CollectionError, ConfigError
from imagerag.roles import Compared, Context, Retriever
from imagerag.values import Facts, Hit, Item, Query
from imagerag_private.shelf import Shelf
from imagerag_private.twin import close_twin, twin

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.collection import Collection
    from imagerag_private.config import PrivateConfig

Where = Callable[[Item], bool]


class PrivateRetriever(Retriever):
    """Searches private collections first, and the run's own where nothing of them is close.

    Every item of a private collection counts as private, whatever its catalogue says. Where a
    remote component takes part that may not see private images, these collections are not searched
    at all. The retriever inside and its twins, one for each private collection, have the same
    options and the same encoder, so their scores can be compared.
    """

    config: PrivateConfig

    def __init__(self, config: Any, context: Context) -> None:
        """Check that there is a retriever to search with; nothing is opened."""
        super().__init__(config, context)
        if not config.retriever:
            raise ConfigError(
                "the retriever 'private' has nothing to search with: add a table "
                '[retriever.retriever] with `use = "…"`, for example "usearch".'
            )
        self._shelf = Shelf(config)
        self._lock = threading.RLock()
        self._twins: dict[str, Retriever] = {}
        self._pool: Collection | None = None
        self._synced = False
        self.skipped: tuple[tuple[str, str], ...] = ()

    def ready(self) -> None:
        """Raise for a collection that the reader may not read, or that does not exist."""
        if self.config.unreadable == "refuse":
            self._shelf.refuse_barred()
        for _ in self._shelf.each():
            pass

    def close(self) -> None:
        """Close the private collections and their indexes."""
        with self._lock:
            twins, self._twins = list(self._twins.values()), {}
            for one in twins:
                close_twin(one)
            self._shelf.close()
            self._pool, self._synced = None, False

    @property
    def compares(self) -> Compared:
        """What the retriever inside compares."""
        return self._inner.compares

    @property
    def recall(self) -> float:
        """The recall of the retriever inside."""
        return self._inner.recall

    def sync(self, collection: Collection) -> int:
        """Bring the index of every collection that is searched up to date."""
        if self.config.unreadable == "refuse":
            self._shelf.refuse_barred()
        with self._lock:
            self._pool = self._general(collection)
            self._synced = True
            applied, skipped = 0, []
            searched = [(self._twin(name), held) for name, held in self._searched().items()]
            for inside, one in [*searched, *((self._inner, pool) for pool in self._pools())]:
                applied += inside.sync(one)
                skipped += list(getattr(inside, "skipped", ()))
            self.skipped = tuple(skipped)
            return applied

    def search(
        self, queries: Sequence[Query], k: int, where: Where | None = None
    ) -> list[list[Hit]]:
        """Return up to `k` private hits per query, or hits of the pool where none is close enough.

        Which of the two it was is told among the run's decisions. Raises `CollectionError` before
        the first `sync`.
        """
        with self._lock:
            if not self._synced:
                raise CollectionError(
                    "The collections were searched before they were synchronised. Call "
                    "sync(collection) first, or run: imagerag index"
                )
            found = self._private_hits(queries, k, where)
            open_ = [number for number, hits in enumerate(found) if not hits]
            for pool in self._pools() if open_ else ():
                self._inner.sync(pool)
                asked = [queries[number] for number in open_]
                for number, hits in zip(open_, self._inner.search(asked, k, where), strict=True):
                    found[number] = hits
        return found

    def item(self, identity: str) -> Item | None:
        """Return the item of an id, from a private collection before the pool."""
        for _, held in self._shelf.each():
            if (item := held.lookup([identity]).get(identity)) is not None:
                return replace(item, private=True)
        pool = self._general(self.context.collection)
        return None if pool is None else pool.lookup([identity]).get(identity)

    def image(self, item: Item) -> Image:
        """Return the picture of an item from the collection that holds it."""
        for _, held in self._shelf.each():
            if held.has(item.id):
                return held.image(item.id)
        pool = self._general(self.context.collection)
        if pool is None:
            raise CollectionError(f"no collection of the run has an item {item.id!r} any more.")
        return pool.image(item.id)

    def info(self, collection: Collection) -> Mapping[str, str]:
        """Say which private collections there are, and what is kept of them and `collection`."""
        lines: dict[str, str] = {}
        for name, held in self._shelf.each():
            lines[f"private {name}"] = f"{len(held)} images"
            kept = self._inner.info(held)
            lines |= {f"private {name}, {key}": text for key, text in kept.items()}
        lines |= {f"private {name}": f"not for {self._shelf.reader}" for name in self._shelf.barred}
        return {**lines, **self._inner.info(collection)}

    def versions(self) -> Mapping[str, str]:
        """Say how many private collections were there to be searched."""
        return {"private_collections": str(len(self._shelf.names))}

    def facts(self) -> Facts:
        """Say what is searched with what."""
        inside = self._inner.facts()
        return replace(
            inside,
            implementation=f"private collections first, by {type(self._inner).__name__}",
            proven="several collections and the sandbox's encoder",
        )

    @property
    def _inner(self) -> Retriever:
        inner: Retriever = self.context.parts["retriever"][0]
        return inner

    def _twin(self, name: str) -> Retriever:
        """Return what searches a private collection; its index stays open from search to search."""
        if name not in self._twins:
            self._twins[name] = twin(self._inner)
        return self._twins[name]

    def _searched(self) -> dict[str, Collection]:
        """Return the private collections that this run may search."""
        return {} if self.context.kept_from() else dict(self._shelf.each())

    def _pools(self) -> list[Collection]:
        return [] if self._pool is None else [self._pool]

    def _general(self, collection: Collection | None) -> Collection | None:
        """Return the run's collection as the general pool; None where it is a private one."""
        from imagerag.collection import resolve

        own = {resolve(name).absolute() for name in (*self._shelf.names, *self._shelf.barred)}
        return None if collection is None or collection.path in own else collection

    def _private_hits(
        self, queries: Sequence[Query], k: int, where: Where | None
    ) -> list[list[Hit]]:
        self._tell_closed()
        lists: list[dict[str, tuple[Hit, str]]] = [{} for _ in queries]
        searched = self._searched()
        for name, held in searched.items():
            inside = self._twin(name)
            inside.sync(held)
            hits_of_all = inside.search(queries, k, _as_private(where))
            for found, hits in zip(lists, hits_of_all, strict=True):
                for hit in hits:
                    found.setdefault(hit.item.id, (_private(hit), name))
        if not searched:
            return [[] for _ in queries]
        pairs = zip(queries, lists, strict=True)
        return [self._near(query, list(found.values()), k) for query, found in pairs]

    def _near(self, query: Query, found: list[tuple[Hit, str]], k: int) -> list[Hit]:
        """Return the best of what is close enough, and say so; or say that nothing is."""
        label = repr(query.text) if query.text is not None else "a picture"
        found.sort(key=lambda one: (-one[0].score, one[0].item.id))
        near = [one for one in found if one[0].score >= self.config.min_score][:k]
        if near:
            names = ", ".join(map(repr, dict.fromkeys(name for _, name in near)))
            reason = f"{len(near)} of {names} score at least min_score = {self.config.min_score}"
            self.context.decide("retrieve", f"use private images for {label}", reason)
            return [hit for hit, _ in near]
        reason = "no private image was found"
        if found:
            best = found[0][0].score
            reason = f"the best private one scores {best:.3f}, below {self.config.min_score}"
        self.context.decide("retrieve", f"ask the general pool for {label}", reason)
        return []

    def _tell_closed(self) -> None:
        """Say which collections are not searched, and why."""
        if self._shelf.barred:
            names = ", ".join(map(repr, self._shelf.barred))
            reason = f"not for {self._shelf.reader}"
            self.context.decide("retrieve", f"leave the collections {names} out", reason)
        kept_from = self.context.kept_from()
        held = sum(len(one) for _, one in self._shelf.each()) if kept_from else 0
        if held:
            names = ", ".join(map(repr, self._shelf.names))
            reason = (
                f"{held} images of {names}; remote components are not allowed to see them: "
                f"{', '.join(kept_from)}"
            )
            self.context.decide("retrieve", "leave private collections out", reason)


def _private(hit: Hit) -> Hit:
    return replace(hit, item=replace(hit.item, private=True))


def _as_private(where: Where | None) -> Where | None:
    """Return a filter that sees items as private, which their catalogue may not say."""
    if where is None:
        return None
    return lambda item: where(replace(item, private=True))
