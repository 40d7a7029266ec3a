"""Paint the pictures of the documentation, docs/images/*.png, with the sandbox's models.

    python scripts/pictures.py [--prompts 6]

The prompts are those of `imagerag demo`, in the order that was fixed before any of them was
painted. `stories.png` shows all of them; `story.png` the first in which references were used.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from imagerag import ImageRAG, Run, story_strip
from imagerag_sandbox.prompts import load_world

IMAGES = Path(__file__).resolve().parent.parent / "docs/images"
PAPER = "#ffffff"


def paint(count: int) -> list[Run]:
    """Return the runs of the first prompts of the demonstration."""
    with ImageRAG.from_config("sandbox") as rag:
        prompts = load_world().demo_prompts(count)
        return [rag.generate(prompt.text, seed=prompt.seed) for prompt in prompts]


def stacked(pictures: Sequence[Image.Image]) -> Image.Image:
    """Return the pictures one below the other."""
    width = max(picture.width for picture in pictures)
    sheet = Image.new("RGB", (width, sum(picture.height for picture in pictures)), PAPER)
    top = 0
    for picture in pictures:
        sheet.paste(picture, (0, top))
        top += picture.height
    return sheet


def main() -> int:
    """Paint and write."""
    parser = argparse.ArgumentParser(description="Paint the pictures of the documentation.")
    parser.add_argument("--prompts", type=int, default=6, help="how many prompts (6)")
    runs = paint(parser.parse_args().prompts)
    told = [run for run in runs if run.references]
    if not told:
        sys.stderr.write("no prompt used a reference: nothing to show in story.png\n")
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    story_strip(told[0]).save(IMAGES / "story.png", optimize=True)
    stacked([story_strip(run) for run in runs]).save(IMAGES / "stories.png", optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
