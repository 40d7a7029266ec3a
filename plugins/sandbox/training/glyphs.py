"""Glyphs of the Noto Color Emoji font as premultiplied RGBA sprites."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .config import HERE

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
STRIKE = 109  # the only bitmap size in the font, in points


@dataclass(frozen=True)
class Glyph:
    """One drawn object; `world` says whether it may be a concept of a small world."""

    code: int
    name: str
    world: bool


def list_glyphs() -> list[Glyph]:
    """All glyphs of `glyphs.txt`, in its order."""
    glyphs: list[Glyph] = []
    world = True
    for line in (HERE / "glyphs.txt").read_text().splitlines():
        if line.startswith("["):
            world = line == "[world]"
        elif line and not line.startswith("#"):
            code, name = line.split(" ", 1)
            glyphs.append(Glyph(int(code, 16), name, world))
    return glyphs


def draw_sprites(glyphs: list[Glyph], side: int) -> Tensor:
    """Sprites (N, 4, side, side) in [0, 1], premultiplied; each object fills its frame."""
    if not FONT.exists():
        raise FileNotFoundError(f"{FONT} is missing: run `apt-get install fonts-noto-color-emoji`")
    font = ImageFont.truetype(str(FONT), STRIKE)
    sprites = []
    for glyph in glyphs:
        canvas = Image.new("RGBA", (160, 160))
        drawing = ImageDraw.Draw(canvas)
        drawing.text((80, 80), chr(glyph.code), font=font, embedded_color=True, anchor="mm")
        box = canvas.getchannel("A").getbbox()
        if box is None:
            raise ValueError(f"the font has no picture for {glyph.name!r} ({glyph.code:x})")
        left, top, right, bottom = box
        edge = max(right - left, bottom - top)
        frame = Image.new("RGBA", (edge, edge))
        frame.paste(canvas.crop(box), ((edge - right + left) // 2, (edge - bottom + top) // 2))
        rgba = torch.from_numpy(np.asarray(frame).copy()).permute(2, 0, 1).float() / 255
        rgba[:3] *= rgba[3:]
        sized = F.interpolate(
            rgba[None], size=(side, side), mode="bicubic", antialias=True, align_corners=False
        )
        sprites.append(sized.clamp(0, 1)[0])
    stacked = torch.stack(sprites)
    stacked[:, :3] = torch.minimum(stacked[:, :3], stacked[:, 3:])
    return stacked


def looks_apart(sprites: Tensor) -> Tensor:
    """Pairwise distance (N, N) of 16×16 pictures on mid grey, the nearer of straight and mirrored.

    In root mean square of colours in [0, 1]; the diagonal is large.
    """
    small = F.adaptive_avg_pool2d(sprites, 16)
    flat = small[:, :3] + 0.5 * (1 - small[:, 3:])
    straight, mirrored = flat.flatten(1), flat.flip(-1).flatten(1)
    distance = torch.minimum(torch.cdist(straight, straight), torch.cdist(straight, mirrored))
    return (distance / straight.shape[1] ** 0.5).fill_diagonal_(9.0)


def thin_out(
    sprites: Tensor, candidates: list[int], keep: int, certain: set[int] | None = None
) -> list[int]:
    """Drop one of the closest pair until `keep` are left and no pair looks alike.

    Two glyphs nearer than .06 (see `looks_apart`) are never both kept; `certain` ones always are.
    """
    certain = certain or set()
    distance = looks_apart(sprites[candidates])
    alive = list(range(len(candidates)))
    while len(alive) > 2:
        block = distance[alive][:, alive]
        nearest = block.min()
        if len(alive) <= keep and nearest > 0.06:
            break
        row = int(block.min(dim=1).values.argmin())
        column = int(block[row].argmin())
        # Of the pair, the one with the nearer second neighbour is the less distinct.
        second = [float(block[i].sort().values[1]) for i in (row, column)]
        drop = row if second[0] < second[1] else column
        if candidates[alive[drop]] in certain:
            drop = row + column - drop
        alive.pop(drop)
    return [candidates[i] for i in alive]
