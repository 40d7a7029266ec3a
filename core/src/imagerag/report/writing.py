"""A report from a run store to a folder: the page, the small pictures, the sheets."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from imagerag.batch.telling import cost_table
from imagerag.errors import UsageError
from imagerag.record import write_whole
from imagerag.report.cards import Card, cards
from imagerag.report.page import OUTCOMES, page
from imagerag.report.sheets import write_sheets
from imagerag.report.thumbnails import Thumbnails

if TYPE_CHECKING:
    from imagerag.batch.store import RunStore
    from imagerag.batch.stored import StoredBatch

FOLDER = "report"
"""The folder inside a run store that a report goes into by default."""


@dataclass(frozen=True)
class Report:
    """What was written: the page, the contact sheets beside it, and how many rows they show."""

    page: Path
    sheets: tuple[Path, ...]
    rows: int


def write_report(
    store: RunStore,
    folder: Path | None = None,
    *,
    batch: int | None = None,
    private: bool = True,
    single_file: bool = False,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Report:
    """Write the report of a batch.

    The page opens from its file, without a server or a network. It may be written while the batch
    runs, and again: small pictures that are there are not made anew.

    Args:
        store: The run store.
        folder: Where to write; `report` inside the store where None.
        batch: Its number; the latest where None.
        private: Whether references of private items are shown. They never leave the store by
            themselves, but a report may be handed on.
        single_file: Put the small pictures into the page itself, which then is one file to send,
            and leave out links to the whole ones and the sheets. It takes longer to open.
        progress: Hears how far it is, as a context's `progress` does.

    Raises:
        UsageError: The store has no such batch.
        ImageRAGError: Something cannot be written.
    """
    number = batch or store.latest()
    found = next((each for each in store.batches() if each.number == number), None)
    if found is None:
        raise UsageError(
            f"there is no batch {number} in {str(store.folder)!r}. "
            f"See: imagerag runs list {store.folder}"
        )
    folder = folder or store.folder / FOLDER
    shown = list(cards(store, number, private=private))
    thumbnails = Thumbnails(folder, inline=single_file)
    for start in range(0, len(shown), _AT_ONCE):
        part = shown[start : start + _AT_ONCE]
        thumbnails.make(panel.path for card in part for panel in card.panels if panel.path)
        progress("report", start + len(part), len(shown))
    folder.mkdir(parents=True, exist_ok=True)
    sheets = [] if single_file else write_sheets(folder, shown)
    pieces = page(
        Path(found.source).name or f"batch {number}",
        _sums(found, shown),
        cost_table(store.ledger(number)),
        sheets,
        shown,
        thumbnail=thumbnails.address,
        picture=(lambda path: None) if single_file else _beside(folder, store.folder),
    )
    write_whole(folder / "index.html", "".join(pieces).encode("utf-8", "replace"))
    return Report(folder / "index.html", tuple(folder / name for name in sheets), len(shown))


_AT_ONCE = 50


def _beside(folder: Path, store: Path) -> Callable[[Path], str | None]:
    """Return what gives the address of a picture of the store, from the page's folder."""
    try:
        way = Path(os.path.relpath(store.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return lambda path: None
    return lambda path: quote(f"{way}/{path.relative_to(store).as_posix()}")


def _sums(batch: StoredBatch, shown: Sequence[Card]) -> list[str]:
    outcomes = Counter(card.outcome for card in shown)
    counts = [f"{outcomes[name]} {OUTCOMES[name]}" for name in OUTCOMES if outcomes[name]]
    prices = [card.usd for card in shown]
    known = sum(price for price in prices if price is not None)
    cost = f"${known:.4f}" if known else "nothing"
    if unknown := sum(price is None for price in prices):
        cost += f" that is known, and the price of {unknown} rows is not"
    hidden = sum(p.title == "private reference" for card in shown for p in card.panels)
    sums = [
        f"{len(shown)} rows: {', '.join(counts) or 'none yet'}.",
        f"Begun {batch.started}, {batch.seconds:.0f} s of work, {batch.outcome}. Spent: {cost}.",
    ]
    if hidden:
        sums.append(f"{hidden} places show references that are private, or keep them back.")
    return sums
