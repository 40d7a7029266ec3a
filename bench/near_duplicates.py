"""How well near duplicates are told from other pictures: copies made in several ways, by distance.

python bench/near_duplicates.py --count 1000
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from imagerag.collection import phash
from imagerag.testing.photos import photograph

WIDTH, HEIGHT = 320, 240
POOL = 100_000


def recompressed(image: Image.Image, quality: int) -> Image.Image:
    """Return the picture after a JPEG of that quality."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def cropped(image: Image.Image, share: float) -> Image.Image:
    """Return the picture without a share of each side."""
    across, down = round(share * image.width), round(share * image.height)
    return image.crop((across, down, image.width - across, image.height - down))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "scaled to half": lambda image: image.resize((WIDTH // 2, HEIGHT // 2), 3),
    "scaled to a quarter": lambda image: image.resize((WIDTH // 4, HEIGHT // 4), 3),
    "JPEG of quality 75": lambda image: recompressed(image, 75),
    "JPEG of quality 30": lambda image: recompressed(image, 30),
    "1 % cut from each side": lambda image: cropped(image, 0.01),
    "2 % cut from each side": lambda image: cropped(image, 0.02),
    "5 % cut from each side": lambda image: cropped(image, 0.05),
    "brighter by a fifth": lambda image: image.point(lambda value: min(255, round(1.2 * value))),
}


def distances(one: list[int | None], other: list[int | None]) -> np.ndarray:
    """Return in how many bits hashes differ, pair by pair."""
    a, b = (np.array(side, dtype=np.int64) for side in (one, other))
    return np.bitwise_count((a ^ b).view(np.uint64))


def main() -> None:
    """Measure, and print JSON and a table."""
    parser = argparse.ArgumentParser(description="Near duplicates by perceptual hash.")
    parser.add_argument("--count", type=int, default=1000, help="of pictures (1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first picture (0)")
    arguments = parser.parse_args()
    thumbnails: dict[str, list[bytes]] = {name: [] for name in ("original", *COPIES)}
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        image = photograph(WIDTH, HEIGHT, seed)
        thumbnails["original"].append(phash.thumbnail(image))
        for name, change in COPIES.items():
            thumbnails[name].append(phash.thumbnail(change(image)))
    hashes = {name: phash.hashes(copies) for name, copies in thumbnails.items()}
    results: dict[str, dict[str, float]] = {}
    for name in COPIES:
        apart = distances(hashes["original"], hashes[name])
        results[name] = {
            "found": float((apart <= phash.NEAR).mean()),
            "p99_bits": float(np.percentile(apart, 99)),
        }
    values = np.array(hashes["original"], dtype=np.int64).view(np.uint64)
    closest, mistaken = 64, 0
    for number in range(1, len(values)):
        apart = np.bitwise_count(values[:number] ^ values[number])
        closest = min(closest, int(apart.min()))
        mistaken += int((apart <= phash.NEAR).sum())
    pairs = len(values) * (len(values) - 1) // 2
    results["different pictures"] = {"pairs": pairs, "mistaken": mistaken, "closest_bits": closest}
    results[f"asking among {POOL:,}"] = {"ms": lookup_ms()}
    print(json.dumps(results, indent=2))
    for name, figures in results.items():
        print(f"{name:<26}" + "  ".join(f"{key} {value:.4g}" for key, value in figures.items()))


def lookup_ms() -> float:
    """Return how long it takes to look for a near hash among many, in milliseconds."""
    random = np.random.default_rng(0)
    finder = phash.NearFinder()
    for number, value in enumerate(random.integers(-(2**63), 2**63 - 1, POOL)):
        finder.add(str(number), int(value))
    asked = [int(value) for value in random.integers(-(2**63), 2**63 - 1, 200)]
    started = time.perf_counter()
    for value in asked:
        finder.first(value)
    return 1e3 * (time.perf_counter() - started) / len(asked)


if __name__ == "__main__":
    main()
