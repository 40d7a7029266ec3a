"""The story strip: a run as one picture, from the prompt to what was kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from imagerag.run import Run

PANEL = 256
"""Side of a panel's picture, in pixels."""

GAP = 20
TEXT = 15
LINE = 20
INK, SOFT, PAPER, KEPT = "#1c1c1e", "#6b6b70", "#ffffff", "#12805c"

LINES = 4
"""Lines of a text beneath a picture at most; what is longer ends in "…"."""

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Panel:
    """One picture of the strip with a title and lines beneath it; `kept` frames it."""

    title: str
    picture: Image.Image | None
    lines: tuple[str, ...] = ()
    kept: bool = False


def story_strip(run: Run) -> Image.Image:
    """Draw prompt → draft → missing concepts → references → result as one RGB picture.

    Needs a run that holds its pictures, as `ImageRAG.generate` returns it.
    """
    return draw(f"“{run.prompt}”", panels_of(run))


def panels_of(run: Run) -> list[Panel]:
    """Return the panels of a run, in the order of the story."""
    panels = []
    if run.draft is not None:
        missing = f"missing: {', '.join(run.missing)}" if run.missing else "nothing is missing"
        panels.append(Panel("draft", run.draft, (missing,), run.kept == "draft"))
    for reference in run.references:
        item = reference.hit.item if reference.hit else None
        lines = [reference.caption]
        if reference.hit and item:
            lines += [
                f"score {reference.hit.score:.3f}",
                f"{item.licence or 'unknown licence'}, {item.creator or 'unknown creator'}",
            ]
        title = "your image" if reference.origin == "user" else "reference"
        if item is not None and item.private:
            title = "private reference"
        panels.append(Panel(title, reference.image, tuple(lines)))
    if run.result is not None:
        panels.append(Panel("with references", run.result, (), run.kept == "result"))
    return panels


def draw(heading: str, panels: Sequence[Panel]) -> Image.Image:
    """Lay panels out in a row under a heading."""
    title_font, font = font_of(TEXT + 5), font_of(TEXT)
    texts = [[line for text in p.lines for line in wrapped(text, font)] for p in panels]
    below = max((len(lines) for lines in texts), default=0) * LINE
    width = GAP + max(1, len(panels)) * (PANEL + GAP)
    height = GAP + 34 + LINE + PANEL + 8 + below + GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP, GAP - 4), heading, fill=INK, font=title_font)
    for number, (panel, lines) in enumerate(zip(panels, texts, strict=True)):
        left, top = GAP + number * (PANEL + GAP), GAP + 34
        title = f"{panel.title}: kept" if panel.kept else panel.title
        pen.text((left, top - 2), title, fill=KEPT if panel.kept else SOFT, font=font)
        top += LINE
        if panel.picture is not None:
            sheet.paste(fitted(panel.picture, PANEL), (left, top))
        if panel.kept:
            pen.rectangle((left - 4, top - 4, left + PANEL + 3, top + PANEL + 3), None, KEPT, 3)
        for row, line in enumerate(lines):
            pen.text((left, top + PANEL + 8 + row * LINE), line, fill=INK, font=font)
    return sheet


def fitted(picture: Image.Image, side: int) -> Image.Image:
    """Return the picture scaled to fit a white square."""
    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    square = Image.new("RGB", (side, side), PAPER)
    resized = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    square.paste(resized, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def font_of(size: int) -> Font:
    """Return Pillow's own font, so that a picture looks the same on every machine."""
    return ImageFont.load_default(size)


def wrapped(text: str, font: Font, width: int = PANEL) -> list[str]:
    """Break a text into lines of at most `width` pixels, at spaces where there are any.

    An empty text is one empty line.
    """
    lines = list(_lines(text, font, width))
    if len(lines) > LINES:
        last = lines[LINES - 1]
        while last and font.getlength(last + "…") > width:
            last = last[:-1]
        lines = [*lines[: LINES - 1], last + "…"]
    return lines or [""]


def _lines(text: str, font: Font, width: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        joined = f"{line} {word}" if line else word
        if font.getlength(joined) <= width:
            line = joined
            continue
        if line:
            yield line
        # A word that is too long for any line, an address for example, is broken where it has to.
        line = word
        while font.getlength(line) > width:
            fits = next(n for n in range(len(line) - 1, 0, -1) if font.getlength(line[:n]) <= width)
            yield line[:fits]
            line = line[fits:]
    if line:
        yield line
