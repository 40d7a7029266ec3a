"""Taking pictures in: the pipeline beside plain Pillow with an encoder, and beside the encoder.

    python bench/ingest.py --count 10000

Every way gets the same generated JPEGs of 500 × 375 pixels. "plain" reads, decodes and encodes one
picture after the other and keeps nothing; "encoder" is given decoded pictures, whole ones. The
model computes with one thread, so that decoding has a core of its own where there are two.

"bound" is the most that the machine allows: all cores busy with what the processor did for each
picture in the same addition, in this process and in those that decode, or the encoder never
waiting, whichever is less. "cpu ms" is that work for one picture.

What was written is deleted at the end alone: for minutes after a deletion, ext4 looks at each freed
inode before it makes a new one, and the next way would pay for the last one's.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imagerag.collection import Collection, open_image
from imagerag.collection.scaling import shortest_for
from imagerag.resources import local
from imagerag.roles import Context, Encoder, Found
from imagerag.testing.photos import photograph

WIDTH, HEIGHT = 500, 375
BASES = 200
BATCH = 32


class VitB32(Encoder):
    """A ViT-B/32 of the usual size and preprocessing, with random weights."""

    dim, space, image_size = 512, "random-vit-b-32", 224

    def __init__(self) -> None:
        """Make the model."""
        super().__init__(None, Context(lambda role: None, Path()))
        from imagerag_torch import guard_torchvision

        guard_torchvision()
        import open_clip
        from open_clip.transform import PreprocessCfg, image_transform_v2

        self._model = open_clip.create_model("ViT-B-32", pretrained=None).eval()
        self._transform = image_transform_v2(PreprocessCfg(size=224), is_train=False)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Nothing here asks for texts."""
        raise NotImplementedError

    def encode_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return unit vectors."""
        import torch

        parts = []
        for start in range(0, len(images), BATCH):
            pixels = torch.stack([self._transform(one) for one in images[start : start + BATCH]])
            with torch.inference_mode():
                parts.append(self._model.encode_image(pixels))
        unit: NDArray[np.float32] = torch.nn.functional.normalize(torch.cat(parts), dim=-1).numpy()
        return unit


def sandbox() -> Encoder:
    """Return the sandbox's trained CLIP of 32 pixels."""
    from imagerag_clip.config import ClipEncoderConfig
    from imagerag_clip.encoder import ClipEncoder

    folder = str(local("package:imagerag_sandbox/data/clip"))
    config = ClipEncoderConfig(model=folder, device="cpu", dtype="float32")
    return ClipEncoder(config, Context(lambda role: None, Path()))


ENCODERS: dict[str, Callable[[], Encoder]] = {"sandbox": sandbox, "vit-b-32": VitB32}


def generate(folder: Path, count: int, seed: int) -> list[Path]:
    """Write JPEGs that all differ: cut from photographs at random places, of random quality."""
    random = np.random.default_rng(seed)
    across, down = 641 - WIDTH, 481 - HEIGHT
    # No place of a photograph twice.
    places = random.permutation(across * down)
    bases = [photograph(640, 480, seed + number) for number in range(min(BASES, count))]
    files = []
    for number in range(count):
        base = bases[number % len(bases)]
        left, top = divmod(int(places[number // len(bases)]), down)
        cut = base.crop((left, top, left + WIDTH, top + HEIGHT))
        if number // len(bases) % 2:
            cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        path = folder / f"{number // 1000:03}" / f"{number:06}.jpg"
        path.parent.mkdir(exist_ok=True)
        cut.save(path, "JPEG", quality=int(random.integers(80, 93)))
        files.append(path)
    return files


def rate(count: int, action: Callable[[], object]) -> float:
    """Return pictures a second."""
    started = time.perf_counter()
    action()
    return count / (time.perf_counter() - started)


def plain(files: Sequence[Path], encoder: Encoder) -> None:
    """Read, decode and encode one picture after the other."""
    for path in files:
        with Image.open(io.BytesIO(path.read_bytes())) as picture:
            encoder.encode_images([picture.convert("RGB")])


def added(
    files: Sequence[Path], encoder: Encoder | None, scratch: Path, *, isolated: bool
) -> Callable[[], None]:
    """Return an addition of all files to a new collection."""

    def run() -> None:
        with Collection.create(Path(tempfile.mkdtemp(dir=scratch)) / "c") as collection:
            found = (Found(path.name, path) for path in files)
            report = collection.add(found, encoder=encoder, isolated=isolated)
            assert report.added == len(files)

    return run


def again(files: Sequence[Path], scratch: Path) -> float:
    """Return how many pictures a second an addition passes over that has nothing to do."""
    with Collection.create(Path(tempfile.mkdtemp(dir=scratch)) / "c") as collection:
        collection.add(Found(path.name, path) for path in files)
        return rate(len(files), lambda: collection.add(Found(path.name, path) for path in files))


def worked() -> float:
    """Return the processor's seconds of this process and of its children that live."""
    seconds = time.process_time()
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            # After the name in brackets; the 14th and 15th of all, see proc_pid_stat(5).
            times = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:13]
            seconds += sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
    return seconds


def measured(
    size: int, action: Callable[[], None], encoder_alone: float | None
) -> dict[str, float]:
    """Return the rate of an addition, its work for one picture, and its share of the bound."""
    before = worked()
    reached = rate(size, action)
    spent = (worked() - before) / size
    bound = min(len(os.sched_getaffinity(0)) / spent, encoder_alone or float("inf"))
    return {"ingest": reached, "cpu ms": 1000 * spent, "ingest / bound": reached / bound}


def measure(name: str, files: Sequence[Path], rounds: int, scratch: Path) -> dict[str, float]:
    """Return the medians of one encoder; in each round all ways take the same pictures in turn.

    Ratios are medians of the rounds' own ratios, so that what else the machine does meanwhile
    touches both sides of each.
    """
    encoder = ENCODERS[name]()
    decoded = [Image.open(path).convert("RGB") for path in files[: 4 * BATCH]]
    shortest = shortest_for(encoder.image_size)
    smaller = [open_image(path, shortest=shortest) for path in files[: 4 * BATCH]]
    encoder.encode_images(decoded)  # Loading and warming up is not what is measured.
    added(files[:BATCH], encoder, scratch, isolated=True)()
    size = len(files) // rounds
    repeats = max(1, size // len(decoded))

    def alone(pictures: Sequence[Image.Image]) -> float:
        def run() -> None:
            for _ in range(repeats):
                encoder.encode_images(pictures)

        return rate(repeats * len(pictures), run)

    found: list[dict[str, float]] = []
    for number in range(rounds):
        some = files[number * size : (number + 1) * size]
        one = {
            "plain": rate(size, partial(plain, some, encoder)),
            "encoder": alone(decoded),
            **measured(size, added(some, encoder, scratch, isolated=True), alone(smaller)),
            "ingest, not isolated": rate(size, added(some, encoder, scratch, isolated=False)),
        }
        one["ingest / plain"] = one["ingest"] / one["plain"]
        one["ingest / encoder"] = one["ingest"] / one["encoder"]
        found.append(one)
    return {key: statistics.median(one[key] for one in found) for key in found[0]}


def main() -> None:
    """Measure, and print JSON and a table."""
    parser = argparse.ArgumentParser(description="Taking pictures in, in pictures a second.")
    parser.add_argument("--count", type=int, default=10_000, help="of JPEGs (10,000)")
    parser.add_argument("--slow-count", type=int, default=512, help="for the ViT-B/32 (512)")
    parser.add_argument("--seed", type=int, default=0, help="of the pictures (0)")
    parser.add_argument("--rounds", type=int, default=5, help="in which the ways take turns (5)")
    parser.add_argument("--only", choices=list(ENCODERS), help="this encoder")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        pictures, scratch = Path(folder) / "pictures", Path(folder) / "collections"
        pictures.mkdir()
        scratch.mkdir()
        files = generate(pictures, arguments.count, arguments.seed)
        for name in ENCODERS:
            if arguments.only in (None, name):
                slow = name == "vit-b-32"
                some = files[: arguments.slow_count] if slow else files
                results[name] = measure(name, some, arguments.rounds, scratch)
        results["no encoder"] = {
            **measured(len(files), added(files, None, scratch, isolated=True), None),
            "passed over unread": again(files, scratch),
        }
    print(json.dumps(results, indent=2))
    for name, figures in results.items():
        print(f"{name:<12}" + "  ".join(f"{key} {value:.3g}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
