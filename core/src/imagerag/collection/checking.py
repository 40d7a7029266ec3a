"""From what a source found to a picture that may be written: read, compared, decoded.

Several threads do this at once, each for some images at a time. Each image ends with an answer: a
picture, or why there is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias

from imagerag.collection import decode, decoder, isolation
from imagerag.collection.catalogue import Catalogue
from imagerag.collection.decoder import Inspected
from imagerag.collection.files import ImageFiles
from imagerag.collection.origins import Origin, Origins
from imagerag.collection.text import CAPTION_LIMIT, clean
from imagerag.collection.vectors import VectorShelf
from imagerag.errors import ImageError
from imagerag.roles import Encoder, Found
from imagerag.values import Item

if TYPE_CHECKING:
    from PIL.Image import Image

Inspect: TypeAlias = Callable[..., list[Inspected | ImageError]]


@dataclass(frozen=True)
class Refused:
    """An image that is not taken, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Checked:
    """An image that passed the checks: what it is, and its bytes until they are written.

    `data` is None where the file is the one that was taken in before, so that it was not read.
    `thumbnail` is its small grey copy, None where the item is known; `image` its picture where the
    encoder is to see it.
    """

    name: str
    item: Item
    extension: str
    size: int
    data: bytes | None
    origin: Origin | None = None
    thumbnail: bytes | None = None
    image: Image | None = None


@dataclass(frozen=True)
class _Unknown:
    """An image that was read and has to be decoded: it is new, or not yet encoded."""

    found: Found
    origin: Origin | None
    data: bytes
    identity: str
    to_hash: bool


class Checker:
    """Checks images for one call of `Collection.add`."""

    def __init__(
        self,
        catalogue: Catalogue,
        files: ImageFiles,
        *,
        private: bool,
        encoder: Encoder | None,
        isolated: bool,
    ) -> None:
        """Compare with `catalogue` and `files`.

        `private` marks every item. With an `encoder`, pictures are kept that it has not seen yet.
        Unless `isolated`, files are decoded in this process.
        """
        # A connection of its own: the other one is locked while a batch is written.
        self._catalogue = Catalogue(catalogue.path.parent)
        self._files = files
        self._origins = Origins(self._catalogue)
        self._vectors = VectorShelf(self._catalogue)
        self._private = private
        self._encoder = encoder
        self._image_size = None if encoder is None else encoder.image_size
        remote = encoder is not None and encoder.remote
        self._pixels = encoder is not None and not (private and remote)
        apart = isolated and isolation.possible()
        self._inspect: Inspect = isolation.shared.inspect if apart else decoder.inspect

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._catalogue.close()

    def check(self, some: Sequence[Found]) -> list[Checked | Refused]:
        """Say what becomes of each image, in order."""
        compared = [self._compared(found) for found in some]
        unknown = [one.data for one in compared if isinstance(one, _Unknown)]
        if not unknown:
            return [one for one in compared if not isinstance(one, _Unknown)]
        seen = iter(self._inspect(unknown, self._image_size, pixels=self._pixels))
        return [
            self._checked(one, next(seen)) if isinstance(one, _Unknown) else one for one in compared
        ]

    def _compared(self, found: Found) -> Checked | Refused | _Unknown:
        try:
            origin = None if found.path is None or found.data is not None else Origin.of(found.path)
            passed_over = self._as_before(origin)
            if passed_over is not None:
                item = self._described(passed_over.item, found)
                return replace(passed_over, name=found.name, item=item)
            data = _read(found)
        except ImageError as error:
            return Refused(clean(found.name), str(error))
        identity = hashlib.sha256(data).hexdigest()
        known = self._known(identity)
        if known is not None and not self._to_encode(known[0]):
            item = self._described(known[0], found)
            return Checked(found.name, item, known[1], len(data), data, origin)
        return _Unknown(found, origin, data, identity, to_hash=known is None)

    def _checked(self, one: _Unknown, seen: Inspected | ImageError) -> Checked | Refused:
        found = one.found
        if isinstance(seen, ImageError):
            return Refused(clean(found.name), str(seen))
        item = Item(id=one.identity, width=seen.width, height=seen.height)
        return Checked(
            found.name,
            self._described(item, found),
            seen.format,
            len(one.data),
            one.data,
            one.origin,
            seen.thumbnail if one.to_hash else None,
            seen.image,
        )

    def _as_before(self, origin: Origin | None) -> Checked | None:
        """Return the item that a file was taken in as, where neither has changed since."""
        identity = None if origin is None else self._origins.item(origin)
        known = None if identity is None else self._known(identity)
        if known is None or self._to_encode(known[0]):
            return None
        item, extension, size, removed = known
        if removed or self._files.size(item.id, extension) != size:
            return None
        return Checked("", item, extension, size, None)

    def _known(self, identity: str) -> tuple[Item, str, int, bool] | None:
        rows = self._catalogue.rows(
            "SELECT width, height, format, bytes, private, removed FROM items WHERE id = ?",
            (identity,),
        )
        if not rows:
            return None
        width, height, extension, size, private, removed = rows[0]
        item = Item(id=identity, width=width, height=height, private=bool(private))
        return item, extension, size, bool(removed)

    def _to_encode(self, item: Item) -> bool:
        """Whether the encoder may and should see the picture of a known item."""
        if self._encoder is None or (self._encoder.remote and (item.private or self._private)):
            return False
        return item.id not in self._vectors.get(self._encoder.space, [item.id])

    def _described(self, item: Item, found: Found) -> Item:
        return replace(
            item,
            caption=clean(found.caption, CAPTION_LIMIT),
            licence=clean(found.licence or "") or None,
            creator=clean(found.creator or "") or None,
            source=clean(found.source or "") or None,
            tags=tuple(dict.fromkeys(tag for tag in map(clean, found.tags) if tag)),
            private=self._private,
        )


def _read(found: Found) -> bytes:
    if found.data is not None:
        return decode.limited(found.data)
    if found.path is None:
        raise ImageError("comes with neither a path nor bytes")
    return decode.read_bytes(found.path)
