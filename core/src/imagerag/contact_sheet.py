"""A contact sheet: many pictures on one, each with what is said of it beneath."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw

from imagerag.strip_image import (
    GAP,
    INK,
    LINE,
    PANEL,
    PAPER,
    SOFT,
    TEXT,
    Font,
    fitted,
    font_of,
    wrapped,
)

WIDEST = 8
"""Pictures side by side at most, where nobody says how many."""


def contact_sheet(
    pictures: Iterable[Image.Image],
    labels: Sequence[str | Sequence[str]],
    columns: int | None = None,
    *,
    heading: str = "",
) -> Image.Image:
    """Draw pictures in rows, from left to right, as one RGB picture.

    Args:
        pictures: As many as there are labels. They are drawn one after the other, so that not all
            of them have to be in memory.
        labels: A text, or several, beneath each picture: the first one in full ink, the others
            softer. Long ones are broken into lines, and cut after four.
        columns: Pictures side by side; where None, a number that makes the sheet a little wider
            than high, and never more than 8.
        heading: A line above all.

    Raises:
        ValueError: For another number of pictures than of labels, or fewer than one column.
    """
    columns = columns if columns is not None else _columns(len(labels))
    if columns < 1:
        raise ValueError(f"a contact sheet has at least one column, not {columns}")
    font = font_of(TEXT)
    texts = [_lines(label, font) for label in labels]
    rows = [texts[start : start + columns] for start in range(0, len(texts), columns)]
    heights = [PANEL + 8 + max(map(len, row)) * LINE + GAP for row in rows]
    top = GAP + (34 if heading else 0)
    width = GAP + min(columns, max(1, len(labels))) * (PANEL + GAP)
    sheet = Image.new("RGB", (width, top + sum(heights)), PAPER)
    pen = ImageDraw.Draw(sheet)
    if heading:
        [line, *_] = wrapped(heading, font_of(TEXT + 5), width - 2 * GAP)
        pen.text((GAP, GAP - 4), line, fill=INK, font=font_of(TEXT + 5))
    for number, (picture, lines) in enumerate(zip(pictures, texts, strict=True)):
        row, column = divmod(number, columns)
        left, upper = GAP + column * (PANEL + GAP), top + sum(heights[:row])
        sheet.paste(fitted(picture, PANEL), (left, upper))
        for place, (line, ink) in enumerate(lines):
            pen.text((left, upper + PANEL + 8 + place * LINE), line, fill=ink, font=font)
    return sheet


def _columns(count: int) -> int:
    # A cell is about 1.4 times as high as wide; twice as many columns as rows looks like a page.
    return max(1, min(WIDEST, count, math.ceil(math.sqrt(2 * count))))


def _lines(label: str | Sequence[str], font: Font) -> list[tuple[str, str]]:
    texts = [label] if isinstance(label, str) else list(label)
    return [
        (line, INK if number == 0 else SOFT)
        for number, text in enumerate(texts)
        for line in wrapped(text, font)
    ]
