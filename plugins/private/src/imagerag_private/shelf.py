"""The private collections of a run: which may be read, opened when they are needed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imagerag.errors import ConfigError

if TYPE_CHECKING:
    from imagerag.collection import Collection
    from imagerag_private.config import PrivateCollection, PrivateConfig

READER = "IMAGERAG_READER"
"""Environment variable with the name of whoever reads, where the configuration names nobody."""


class Shelf:
    """Collections by their name in the configuration. Safe to share between threads."""

    def __init__(self, config: PrivateConfig) -> None:
        """Tell apart what the reader may read; nothing is opened."""
        self._reader = config.reader or os.environ.get(READER) or None
        self._lock = threading.Lock()
        self._opened: dict[str, Collection] = {}
        self._closed_to = [one for one in config.collections if not self._may_read(one)]
        self.names = tuple(one.name for one in config.collections if self._may_read(one))

    @property
    def barred(self) -> tuple[str, ...]:
        """The names of those that the reader may not read."""
        return tuple(one.name for one in self._closed_to)

    @property
    def reader(self) -> str:
        """Who is reading, in words."""
        return repr(self._reader) if self._reader else "nobody by name"

    def refuse_barred(self) -> None:
        """Raise `ConfigError` for the first collection that the reader may not read."""
        for one in self._closed_to:
            raise ConfigError(
                f"the collection {one.name!r} is for {', '.join(one.readers)}, and whoever reads "
                f"is {self.reader}: set {READER} or [retriever] reader to your own name, take the "
                'collection out, or go on without it: unreadable = "skip" (imagerag-private).'
            )

    def open(self, name: str) -> Collection:
        """Return a collection, opened on the first call. Raises `CollectionError` for none."""
        from imagerag.collection import Collection, resolve

        with self._lock:
            if name not in self._opened:
                self._opened[name] = Collection.open(resolve(name))
            return self._opened[name]

    def each(self) -> Iterator[tuple[str, Collection]]:
        """Yield those that may be read, with their names, in the order of the configuration."""
        for name in self.names:
            yield name, self.open(name)

    def close(self) -> None:
        """Close what was opened."""
        with self._lock:
            opened, self._opened = list(self._opened.values()), {}
        for one in opened:
            one.close()

    def _may_read(self, one: PrivateCollection) -> bool:
        return not one.readers or self._reader in one.readers
