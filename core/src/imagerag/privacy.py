"""The rule about private images: nothing of them reaches a remote component that is not named.

Not their pixels, and neither captions, creators, sources, tags nor file names. A component is
remote where its offer or its class says so; `[loop] allow_remote` names those that may see private
images. The rule is kept in layers, so that no single component is trusted with it: private items
are left out of every search of a run in which such a component takes part, an index that one could
read is not made of them, and what components read of the collection is guarded.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from imagerag.errors import CapabilityError

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.chosen import Chosen
    from imagerag.collection import Collection
    from imagerag.guarded import Listing
    from imagerag.session import Session
    from imagerag.values import Item, Reference

_INDEX = ("retriever", "encoder")
"""The roles that an index is made by, as far as a configuration tells."""

_READERS = ("retriever", "reranker")
"""The roles whose components may read the collection themselves."""


class Privacy:
    """What the components of one session may see, and which of them may be called at all."""

    def __init__(self, session: Session, callable_: Container[str] | None) -> None:
        """Watch over `session`; `callable_` names the remote components that may be called.

        None is all of them. Where it names some, the configuration came with a stranger's picture:
        what it says about private images counts for nothing then.
        """
        self._session = session
        self._callable = callable_
        self._asks: dict[str, set[str]] = {}
        self._faces: dict[Listing, Collection] = {}

    def may_call(self, use: str) -> bool:
        """Say whether a component may be called if it is remote."""
        return self._callable is None or use in self._callable

    def kept_from(self) -> tuple[str, ...]:
        """Return the remote components of the run that may not see private images, by name.

        Those inside another component's table count as well as the run's own.
        """
        return self._refused(self._session.chosen())

    def collection_for(self, path: str, chosen: Chosen) -> Collection | None:
        """Return the run's collection as a component may read it, None for those that may not."""
        if chosen.role not in _READERS or not self._session.settings.collection:
            return None
        if chosen.role == "retriever":
            remote = self._refused(chosen.walk(path))
            return self._guarded("refused", remote) if remote else self._session.collection
        if remote := self._refused([(path, chosen)]):
            return self._guarded("hidden", remote)
        kept_from = self.kept_from()
        return self._guarded("open", kept_from) if kept_from else self._session.collection

    def asked(self, path: str, wanted: str) -> None:
        """Remember that a component asked for the run's component of another role.

        Raises `CapabilityError` where an index could show private images to it.
        """
        asker = path.partition(".")[0]
        if wanted not in self._asks.setdefault(asker, set()):
            self._asks[asker].add(wanted)
            if asker in self._reachable():
                self._allow_indexing()

    def sync(self) -> int:
        """Bring the index up to date, and return how many changes were applied.

        An index is made of all items. So where a retriever is remote, or can ask a component that
        is, and the policy does not name that component, `CapabilityError` is raised if the
        collection holds a private item, or comes to hold one meanwhile.
        """
        retriever = self._session.retriever  # it tells what it asks for while it is built
        self._allow_indexing()
        remote = self._readers_of_the_index()
        collection = self._session.collection
        return retriever.sync(self._guarded("refused", remote) if remote else collection)

    def picture_of(self, item: Item) -> Image:
        """Return the picture of an item that the retriever found.

        Raises `CapabilityError` for a private one where a component takes part that may not see
        it. What the catalogue says now counts, whatever the retriever said.
        """
        self.allow([item])
        return self._session.retriever.image(item)

    def allow(self, items: Sequence[Item]) -> None:
        """Check that every component of the run may see these items; raises as `picture_of`."""
        kept_from = self.kept_from()
        if not kept_from:
            return
        for item in items:
            now = self.item(item.id)
            if item.private or (now is not None and now.private):
                names = ", ".join(map(repr, kept_from))
                raise CapabilityError(
                    f"the image {item.id[:12]} is private, and {names} may not see it. Allow it "
                    "by name in [loop] allow_remote, or choose local components."
                )

    def given(self, references: Sequence[Reference]) -> tuple[Reference, ...]:
        """Return images that were given with a call, the private ones among them marked as such.

        To give an image to a run is to say that it may be used there, wherever that is. But one
        that the collection calls private is a mistake until `allow_remote` says otherwise, so
        `CapabilityError` is raised. They are known by the SHA-256 of their files.
        """
        marked = tuple(self._marked(reference) for reference in references)
        private = [reference for reference in marked if reference.private]
        if private and (kept_from := self.kept_from()):
            names = ", ".join(map(repr, kept_from))
            raise CapabilityError(
                f"the image {private[0].digest[:12]} that was given is a private one of the "
                f"collection {self._session.settings.collection!r}, and {names} may not see it. "
                "Allow it by name in [loop] allow_remote, or choose local components."
            )
        return marked

    def _marked(self, reference: Reference) -> Reference:
        found = reference.hit.item if reference.hit is not None else None
        items = [self.item(reference.digest), found]
        private = reference.private or any(item is not None and item.private for item in items)
        return replace(reference, private=private)

    def item(self, identity: str) -> Item | None:
        """Return the item of an id, from wherever the run finds items; None where there is none.

        The run's own collection and its retriever are asked alike: what either calls private is
        private. A collection that does not exist yet is not made for this.
        """
        session = self._session
        if not _is_there(session):
            return None
        item = session.collection.lookup([identity]).get(identity)
        if session.names("retriever") and not (item is not None and item.private):
            with suppress(CapabilityError):  # it is remote, and may not be called
                return session.retriever.item(identity) or item
        return item

    def image(self, item: Item) -> Image:
        """Return the picture of an item that `item` found."""
        collection = self._session.collection
        if collection.has(item.id):
            return collection.image(item.id)
        return self._session.retriever.image(item)

    def close(self) -> None:
        """Forget the collection."""
        self._faces.clear()

    def _allow_indexing(self) -> None:
        remote = self._readers_of_the_index()
        if not remote or not self._session.settings.collection:
            return
        collection = self._session.collection
        if next(collection.items(private=True), None) is not None:
            names = ", ".join(map(repr, remote))
            raise CapabilityError(
                f"the collection {collection.name!r} holds private images, and indexing would "
                f"show them to {names}, which is remote. Choose a local encoder and retriever, or "
                "allow it by name in [loop] allow_remote."
            )

    def _readers_of_the_index(self) -> tuple[str, ...]:
        return self._refused(self._session.chosen(*self._reachable(), *_INDEX))

    def _reachable(self) -> set[str]:
        """Return the roles that the retriever has asked for, and they in turn."""
        found, pending = {"retriever"}, ["retriever"]
        while pending:
            new = self._asks.get(pending.pop(), set()) - found
            found |= new
            pending.extend(new)
        return found

    def _guarded(self, listing: Listing, kept_from: Sequence[str]) -> Collection:
        """Return a guarded face of the collection, the same at each call: indexes know it by it."""
        from imagerag.guarded import GuardedCollection

        if listing not in self._faces:
            face = GuardedCollection(self._session.collection, kept_from, listing)
            self._faces[listing] = face
        return self._faces[listing]

    def _refused(self, among: Iterable[tuple[str, Chosen]]) -> tuple[str, ...]:
        # What a stranger's record allowed counts for nothing.
        allowed = self._session.settings.loop.allow_remote if self._callable is None else ()
        names = [
            chosen.use
            for path, chosen in among
            if chosen.use not in allowed
            and self.may_call(chosen.use)
            and self._session.is_remote(path, chosen)
        ]
        return tuple(dict.fromkeys(names))


def _is_there(session: Session) -> bool:
    """Say whether the run has a collection that need not be made first."""
    from imagerag.collection import resolve

    name = session.settings.collection
    return bool(name) and resolve(str(name)).exists()
