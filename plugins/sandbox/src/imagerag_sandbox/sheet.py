"""A contact sheet of a measurement, to look at what the figures mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from imagerag.strip_image import fitted

if TYPE_CHECKING:
    from imagerag_sandbox.measure import Pictures

SIDE, LABEL, ROW = 96, 300, 104
COLUMNS = ("base", "reference", "imagerag", "random", "oracle")


def draw_sheet(rows: list[Pictures], path: Path) -> None:
    """Draw one row a prompt: each way of painting it, with the reference that the loop used."""
    width = LABEL + len(COLUMNS) * (SIDE + 8)
    sheet = Image.new("RGB", (width, 30 + len(rows) * ROW), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, name in enumerate(COLUMNS):
        pen.text((LABEL + column * (SIDE + 8), 8), name, fill="black", font=font)
    for row, pictures in enumerate(rows):
        top = 30 + row * ROW
        kept = f"{pictures.prompt.text}\nkept the {pictures.run.kept}"
        pen.text((8, top + 30), kept, fill="black", font=font)
        for column, name in enumerate(COLUMNS):
            picture = pictures.by.get(name)
            if name == "reference" and pictures.run.references:
                picture = pictures.run.references[0].image
            if picture is not None:
                sheet.paste(fitted(picture, SIDE), (LABEL + column * (SIDE + 8), top))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
