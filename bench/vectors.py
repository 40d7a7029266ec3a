"""Vectors like CLIP's, of any number: clustered images, and texts that lie beside them.

What makes real embeddings harder to search than random ones is in them: all images share a mean
direction (two have a cosine of about a half), they crowd in themes and subjects whose sizes follow
Zipf's law, and their variance falls off along rotated axes. Texts sit elsewhere: they have a mean
of their own (the modality gap) and more that is theirs alone than they share with the images of
their subject, so that a text's cosine with a random image is about .14 and with the nearest of
350,000 about .36, where two images reach .86. An index that is tuned with images as queries looks
better than it is for texts.

The same seed gives the same vectors, whatever number is asked for: block n depends on n alone.

    python bench/vectors.py FOLDER [--count 350000] [--dim 512] [--queries 1000] [--seed 0]

writes `vectors.npy` (f16), `texts.npy` and `images.npy` (f32, the queries). Memory stays below 2 GB
at any count; `--describe` prints the cosines instead.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

Array = NDArray[np.float32]

BLOCK = 8_192
"""Vectors that are drawn together, from a random stream of their own."""

THEMES = 200
SUBJECTS = 20_000
ZIPF = 0.8
"""Exponent of the sizes of themes and subjects."""

DECAY = 0.9
"""Exponent by which variance falls off along the axes: half of it lies along 30 of 512."""

THEME, SUBJECT, OWN = 0.25, 0.35, 0.40
"""Shares of the variance of images."""

SHARED = math.sqrt(0.5)
"""Cosine of an image with the mean of all: two random images have a cosine of a half."""

GAP = 0.25
"""Cosine between the means of images and of texts."""

TEXT_MEAN, TEXT_SUBJECT = 0.75, 0.40
"""Parts of a text: the mean of texts, what its subject's images have too; the rest is its own."""


class Vectors:
    """Draws unit vectors of `dim` dimensions."""

    def __init__(self, dim: int = 512, seed: int = 0) -> None:
        self.dim, self.seed = dim, seed
        random = np.random.default_rng([seed, 0])
        axes = np.linalg.qr(random.standard_normal((dim, dim)))[0].astype(np.float32)
        spread = np.arange(1, dim + 1, dtype=np.float32) ** (-DECAY / 2)
        self._axes = axes * (spread / np.linalg.norm(spread))[:, None]
        means = np.linalg.qr(random.standard_normal((dim, 2)))[0].T.astype(np.float32)
        self.image_mean = means[0]
        self.text_mean = GAP * means[0] + math.sqrt(1 - GAP**2) * means[1]
        themes = self._draw(random, THEMES) * math.sqrt(THEME)
        of = random.choice(THEMES, SUBJECTS, p=_zipf(THEMES))
        self._subjects = themes[of] + self._draw(random, SUBJECTS) * math.sqrt(SUBJECT)
        self._sizes = random.permutation(_zipf(SUBJECTS))

    def blocks(self, count: int) -> Iterator[Array]:
        """Yield the first `count` images, a block at a time."""
        for number, start in enumerate(range(0, count, BLOCK)):
            random = np.random.default_rng([self.seed, 1, number])
            yield self._images(random, BLOCK)[: count - start]

    def texts(self, count: int) -> Array:
        """Return `count` texts, each of the subject and with the turn of an image of its own."""
        random = np.random.default_rng([self.seed, 2])
        meant = self._images_apart(random, count) * TEXT_SUBJECT
        own = math.sqrt(1 - TEXT_MEAN**2 - TEXT_SUBJECT**2)
        noise = random.standard_normal((count, self.dim), dtype=np.float32) / math.sqrt(self.dim)
        return _unit(TEXT_MEAN * self.text_mean + meant + own * noise)

    def images(self, count: int) -> Array:
        """Return `count` images that are none of `blocks`."""
        return self._images(np.random.default_rng([self.seed, 3]), count)

    def _images(self, random: np.random.Generator, count: int) -> Array:
        apart = self._images_apart(random, count)
        return _unit(SHARED * self.image_mean + math.sqrt(1 - SHARED**2) * apart)

    def _images_apart(self, random: np.random.Generator, count: int) -> Array:
        """Return what tells images from their mean."""
        of = random.choice(SUBJECTS, count, p=self._sizes)
        return self._subjects[of] + self._draw(random, count) * math.sqrt(OWN)

    def _draw(self, random: np.random.Generator, count: int) -> Array:
        """Return vectors whose squared length is 1 in the mean, with more along the first axes."""
        drawn: Array = random.standard_normal((count, self.dim), dtype=np.float32) @ self._axes
        return drawn


def _zipf(count: int) -> NDArray[np.float64]:
    shares = 1 / np.arange(1, count + 1, dtype=np.float64) ** ZIPF
    return np.asarray(shares / shares.sum())


def _unit(vectors: Array) -> Array:
    lengths: Array = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: Array = vectors / lengths
    return units


def write(folder: Path, count: int, dim: int, queries: int, seed: int) -> None:
    """Write the three files."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Vectors(dim, seed)
    rows = open_memmap(folder / "vectors.npy", "w+", np.float16, (count, dim))
    start = 0
    for block in made.blocks(count):
        rows[start : start + len(block)] = block
        start += len(block)
    rows.flush()
    np.save(folder / "texts.npy", made.texts(queries))
    np.save(folder / "images.npy", made.images(queries))


def describe(count: int, dim: int, seed: int) -> dict[str, Any]:
    """Return the cosines that the docstring speaks of."""
    made = Vectors(dim, seed)
    texts, images = made.texts(200), made.images(200)
    cosines: dict[str, list[Array]] = {"text": [], "image": []}
    for block in made.blocks(count):
        cosines["text"].append(texts @ block.T)
        cosines["image"].append(images @ block.T)
    figures = {}
    for name, parts in cosines.items():
        joined = np.concatenate(parts, axis=1)
        best = np.sort(joined, axis=1)[:, ::-1]
        figures[f"{name}_mean"] = round(float(joined.mean()), 3)
        figures[f"{name}_best"] = round(float(best[:, 0].mean()), 3)
        figures[f"{name}_tenth"] = round(float(best[:, 9].mean()), 3)
    return {"count": count, "dim": dim, "seed": seed, **figures}


def main() -> None:
    """Write vectors, or describe them."""
    parser = argparse.ArgumentParser(description="Vectors like CLIP's.")
    parser.add_argument("folder", type=Path, nargs="?", help="where to write")
    parser.add_argument("--count", type=int, default=350_000, help="images (350,000)")
    parser.add_argument("--dim", type=int, default=512, help="dimensions (512)")
    parser.add_argument("--queries", type=int, default=1_000, help="of either kind (1,000)")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers (0)")
    parser.add_argument("--describe", action="store_true", help="print cosines; write nothing")
    arguments = parser.parse_args()
    if arguments.describe or arguments.folder is None:
        print(json.dumps(describe(arguments.count, arguments.dim, arguments.seed), indent=2))
        return
    write(arguments.folder, arguments.count, arguments.dim, arguments.queries, arguments.seed)


if __name__ == "__main__":
    main()
