"""Contact sheets of a batch: what was kept of every prompt, with the prompt beneath."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagerag.contact_sheet import WIDEST, contact_sheet
from imagerag.report.cards import Card
from imagerag.text import clean

if TYPE_CHECKING:
    from PIL.Image import Image

ON_A_SHEET = WIDEST * 12
"""Pictures of one sheet: about 2,200 by 4,000 pixels, which any viewer opens."""

QUALITY = 88


def write_sheets(folder: Path, shown: Sequence[Card]) -> list[str]:
    """Write as many sheets as it takes; return their names, in order.

    Rows without a picture have no place on a sheet. Sheets of an earlier report are replaced.
    """
    for old in folder.glob("contact-sheet-*.jpg"):
        old.unlink()
    kept = [(card, path) for card in shown if (path := _kept(card)) is not None]
    names: list[str] = []
    for start in range(0, len(kept), ON_A_SHEET):
        part = kept[start : start + ON_A_SHEET]
        name = f"contact-sheet-{len(names) + 1:03}.jpg"
        labels = [(clean(card.prompt), f"{card.number} · kept: {card.outcome}") for card, _ in part]
        sheet = contact_sheet(_opened(path for _, path in part), labels)
        sheet.save(folder / name, "JPEG", quality=QUALITY)
        names.append(name)
    return names


def _kept(card: Card) -> Path | None:
    return next((panel.path for panel in card.panels if panel.kept), None)


def _opened(paths: Iterator[Path]) -> Iterator[Image]:
    """Yield the pictures one by one; a grey one for what is gone or damaged."""
    from PIL import Image

    for path in paths:
        try:
            with Image.open(path, formats=("PNG",)) as opened:
                yield opened.convert("RGB")
        except (OSError, ValueError, SyntaxError):
            yield Image.new("RGB", (64, 64), "#d0d0d0")
