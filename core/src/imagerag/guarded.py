"""A collection as those see it who may not have all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias

from imagerag.collection import Collection
from imagerag.collection.reports import Change, Stats
from imagerag.errors import CapabilityError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from imagerag.values import Item

Listing: TypeAlias = Literal["open", "hidden", "refused"]
"""What becomes of private items where items are listed: they are there, they are not, or meeting
one is an error."""


class GuardedCollection(Collection):
    """Another face of an open collection: pixels and embeddings of private items stay inside.

    Asking for them raises `CapabilityError`. Their captions and names are there, hidden or refused
    by `listing`: a component on this machine may count the words of all captions as long as no
    private picture can follow; one that sends away what it sees must not even meet them. What the
    catalogue says at the moment of asking counts, so an item that was made private meanwhile is
    private.
    """

    def __init__(self, inner: Collection, kept_from: Sequence[str], listing: Listing) -> None:
        """Guard `inner`, which stays the owner of its files and closes them."""
        vars(self).update(vars(inner))  # the same open catalogue, behind another face
        self._kept_from = tuple(kept_from)
        self._listing = listing

    def close(self) -> None:
        """Leave closing to the owner."""

    def items(self, private: bool | None = None) -> Iterator[Item]:
        """Yield the items that may be listed."""
        for item in super().items(private):
            if self._may_list(item):
                yield item

    def changes(self, since: int) -> Iterator[Change]:
        """Yield changes; a private item that is hidden looks as if it had been removed."""
        for change in super().changes(since):
            hidden = change.item is not None and not self._may_list(change.item)
            yield Change(change.number, change.id, None) if hidden else change

    def lookup(self, ids: Sequence[str]) -> dict[str, Item]:
        """Return those of `ids` that are there and may be seen, by id."""
        found = super().lookup(ids)
        if self._listing == "open":
            return found
        return {identity: item for identity, item in found.items() if not item.private}

    def has(self, identity: str) -> bool:
        """Whether the item is there and may be seen."""
        return identity in self.lookup([identity])

    def matching(self, prefix: str, limit: int = 10) -> list[str]:
        """Return up to `limit` ids that may be seen and begin with `prefix`, sorted."""
        return list(self.lookup(super().matching(prefix, limit)))

    def file(self, identity: str) -> Path:
        """Return the path of an item's image file; that of a private one is refused."""
        self._refuse_private([identity])
        return super().file(identity)

    def image(self, identity: str, *, image_size: int | None = None) -> Image:
        """Return an item's picture; that of a private one is refused."""
        self._refuse_private([identity])
        return super().image(identity, image_size=image_size)

    def vectors(self, space: str, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the embeddings kept of those of `ids` that are not private."""
        private = self._private_among(ids)
        return super().vectors(space, [one for one in ids if one not in private])

    def stats(self) -> Stats:
        """Return counts, which name creators and tags: not where private items are not listed."""
        if self._listing != "open":
            self._refuse()
        return super().stats()

    def _may_list(self, item: Item) -> bool:
        if not item.private or self._listing == "open":
            return True
        if self._listing == "refused":
            self._refuse()
        return False

    def _private_among(self, ids: Sequence[str]) -> set[str]:
        return {one for one, item in super().lookup(list(ids)).items() if item.private}

    def _refuse_private(self, ids: Sequence[str]) -> None:
        if self._private_among(ids):
            self._refuse()

    def _refuse(self) -> NoReturn:
        names = ", ".join(map(repr, self._kept_from))
        raise CapabilityError(
            f"private images of the collection {self.name!r} were asked for, and {names}, which "
            "is remote, could get to see them. Allow it by name in [loop] allow_remote, or choose "
            "local components."
        )
