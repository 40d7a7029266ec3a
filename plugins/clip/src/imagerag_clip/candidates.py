"""Image vectors of a collection's items, in one model's space: kept ones first, else computed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Mapping, Sequence
from typing import TYPE_CHECKING

from imagerag.errors import CollectionError, ImageError, SpaceMismatchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from imagerag.collection import Collection
    from imagerag.roles import Vectors
    from imagerag.values import Item

log = logging.getLogger(__name__)


class Candidates:
    """Gives vectors of items, whichever retriever found them.

    A retriever that indexed the same space has left its vectors with the collection; what is
    computed here is left there too, so that no picture passes through the model twice. Items of
    other collections, which some retrievers find, are computed each time: their vectors belong to
    no collection that is open here.

    Args:
        collection: The run's own, where vectors of its items are kept.
        image: Returns the picture of an item from wherever the retriever found it.
        space: The model's space.
        encode: Pictures to unit vectors, called only for those without a kept vector.
        batch_size: Pictures held in memory at once.
    """

    def __init__(
        self,
        collection: Collection,
        image: Callable[[Item], Image],
        space: str,
        encode: Callable[[Sequence[Image]], Vectors],
        batch_size: int,
    ) -> None:
        self._collection = collection
        self._image = image
        self._space = space
        self._encode = encode
        self._batch_size = batch_size

    def vectors(
        self, items: Sequence[Item]
    ) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
        """Return the vectors of `items` by id, and why the others have none, by id.

        An item without a picture has none, even where a vector of it was kept: nobody could use
        it as a reference. Raises `CapabilityError` for a picture that the run may not read.
        """
        wanted = {item.id: item for item in items}
        own = self._collection.lookup(list(wanted))
        unread = {one: reason for one in own if (reason := self._absent(one))}
        found = self._collection.vectors(self._space, [one for one in own if one not in unread])
        new = [one for one in wanted if one not in found and one not in unread]
        for start in range(0, len(new), self._batch_size):
            batch = {one: wanted[one] for one in new[start : start + self._batch_size]}
            computed = self._compute(batch, own, unread)
            self._keep({one: vector for one, vector in computed.items() if one in own})
            found.update(computed)
        return found, unread

    def _absent(self, identity: str) -> str:
        try:
            path = self._collection.file(identity)
        except CollectionError as error:
            return str(error)
        return "" if path.is_file() else f"The image file {str(path)!r} is gone."

    def _compute(
        self, batch: Mapping[str, Item], own: Container[str], unread: dict[str, str]
    ) -> dict[str, NDArray[np.float32]]:
        images: dict[str, Image] = {}
        for one, item in batch.items():
            try:
                images[one] = self._collection.image(one) if one in own else self._image(item)
            except (CollectionError, ImageError) as error:
                unread[one] = str(error)
        if not images:
            return {}
        return dict(zip(images, self._encode(list(images.values())), strict=True))

    def _keep(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        if not vectors:
            return
        import numpy as np

        try:
            self._collection.put_vectors(
                self._space, list(vectors), np.stack(list(vectors.values()))
            )
        except SpaceMismatchError:
            raise
        except CollectionError as error:
            # A collection that cannot be written to can still be ranked.
            log.warning("Vectors of %d images were not kept: %s", len(vectors), error)
