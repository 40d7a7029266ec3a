"""What a collection tells of itself: what an addition did, what changed, what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagerag.values import Item


@dataclass(frozen=True)
class AddReport:
    """What came of adding images.

    `added`, `updated` and `unchanged` count items; `duplicates` counts further files of the same
    call whose bytes had already been seen in it. `skipped` names each image that was not taken, and
    why. `near` counts those of the added or updated items that nearly repeat another one.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    skipped: tuple[tuple[str, str], ...] = ()
    near: int = 0

    @property
    def accepted(self) -> int:
        """How many items are in the collection thanks to, or despite, this call."""
        return self.added + self.updated + self.unchanged


@dataclass(frozen=True)
class PurgeReport:
    """What came of a purge.

    `purged` counts items, `bytes` the size of their image files. `receipt` is the file that says so
    without saying what they were; None where there was nothing to purge. `problems` names parts
    that could not delete what they keep outside the collection, and why.
    """

    purged: int = 0
    bytes: int = 0
    receipt: Path | None = None
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ExportReport:
    """What went into an exported file.

    It has `items` images and `bytes` bytes; `skipped` names images that could not be read, by id,
    and why.
    """

    items: int
    bytes: int
    skipped: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Change:
    """One step of a collection's history. `item` is None where the item was removed.

    Only the latest change of each item is kept: an index that follows the numbers in order ends in
    the state of the collection, without seeing the states in between.
    """

    number: int
    id: str
    item: Item | None


@dataclass(frozen=True)
class Stats:
    """Counts over a collection's items.

    `bytes` is the size of the image files of present items; `removed` counts hidden items, whose
    files are still there. `licences` maps each licence (None for unknown) to its number of items,
    `spaces` each embedding space to its number of embeddings.
    """

    items: int
    private: int
    removed: int
    bytes: int
    change: int
    licences: Mapping[str | None, int]
    spaces: Mapping[str, int]
