"""How much a picture depends on each of its references, on their order, seed and prompt.

Each generator paints with random tiny models of its very classes (SDXL with the sandbox's trained
ones), through its own conditioner. One thing is changed at a time: the picture of one reference,
whose caption stays; the pictures of two, whose captions stay; the seed; a word of the prompt. What
is reported is the mean absolute difference of the pictures, in steps of 255, and the same for
painting once more, which is to be 0.

Random models say that something reaches the picture, not that the picture is good. Figures of
different generators are not comparable: they depend on how large the tiny models' weights are.

    python bench/reference_influence.py [--seed 0] [GENERATOR …]
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from imagerag.roles import Context
from imagerag.values import Guidance, Reference
from imagerag_diffusers.testing import Maker, difference

PROMPT, OTHER_PROMPT = "a hedgehog with a hat", "a hedgehog with a car"
THINGS = ("a hedgehog", "a hat", "a meadow", "a lake")
SIDE = 72
"""Pixels of a reference's sides."""

TINY = {"steps": 2, "size": (64, 64), "device": "cpu"}
AREA = 64 * 64


@dataclass(frozen=True)
class Subject:
    """A generator to be measured, named as its offer, with the options that make it tiny.

    `classes` are the import strings of the generator, of its configuration, of the conditioner and
    of its configuration; `options` builds the models in a folder, from a seed.
    """

    name: str
    classes: tuple[str, str, str, str]
    references: int
    options: Callable[[Path, int], dict[str, Any]]


def saved(builder: str, **more: Any) -> Callable[[Path, int], dict[str, Any]]:
    """Return what builds one tiny model: `builder` is an import string of `(folder, seed=…)`."""
    return lambda folder, seed: {
        **TINY,
        **more,
        "model": str(named(builder)(folder / "model", seed=seed)),
    }


def redux(folder: Path, seed: int) -> dict[str, Any]:
    """Build FLUX.1 and the Redux prior beside it."""
    flux, prior = (named(f"imagerag_flux.testing:save_{name}") for name in ("flux", "redux"))
    model = flux(folder / "model", guidance=True, seed=seed)
    return {**TINY, "model": str(model), "prior": str(prior(folder / "prior", seed=seed))}


def sandbox(folder: Path, seed: int) -> dict[str, Any]:
    """Return the sandbox's SDXL, as its preset says, for three references at its own size."""
    import imagerag_sandbox

    preset = Path(imagerag_sandbox.__file__).parent / "presets/sandbox.toml"
    options = tomllib.loads(preset.read_text(encoding="utf-8"))["generator"]
    changed = {"steps": 4, "max_references": 3, "device": "cpu", "output_size": None}
    return {key: value for key, value in {**options, **changed}.items() if key != "use"}


def classes(package: str, kind: str, conditioner: str, *modules: str) -> tuple[str, str, str, str]:
    """Return the four import strings, by the names that all plugins use."""
    generator, wording = modules or ("generator", "conditioner")
    return (
        f"{package}.{generator}:{kind}Generator",
        f"{package}.config:{kind}Config",
        f"{package}.{wording}:{conditioner}Conditioner",
        f"{package}.config:{conditioner}ConditionerConfig",
    )


FLUX, QWEN = "imagerag_flux", "imagerag_qwen_image"
SUBJECTS = (
    Subject("sdxl", classes("imagerag_sdxl", "SDXL", "SDXL"), 3, sandbox),
    Subject(
        "omnigen",
        classes("imagerag_omnigen", "OmniGen", "OmniGen"),
        3,
        saved("imagerag_omnigen.testing:save_tiny"),
    ),
    Subject(
        "flux-kontext",
        classes(FLUX, "FluxKontext", "FluxKontext", "kontext", "conditioners"),
        1,
        saved(f"{FLUX}.testing:save_kontext", reference_area=AREA),
    ),
    Subject(
        "flux-redux",
        classes(FLUX, "FluxRedux", "FluxRedux", "redux", "conditioners"),
        3,
        redux,
    ),
    Subject(
        "flux2-klein",
        classes(FLUX, "Flux2Klein", "Flux2", "klein", "conditioners"),
        4,
        saved(f"{FLUX}.testing:save_klein", reference_area=AREA),
    ),
    Subject(
        "qwen-image-edit",
        classes(QWEN, "QwenImageEdit", "QwenImage"),
        3,
        saved(f"{QWEN}.testing:save_tiny", reference_area=AREA, condition_area=56 * 56),
    ),
    Subject(
        "rdm",
        classes("imagerag_rdm", "RDM", "RDM"),
        4,
        saved("imagerag_rdm.testing:save_rdm"),
    ),
)


def named(target: str) -> Any:
    """Return what an import string "module:name" means."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def picture(chance: random.Random) -> Image.Image:
    """Return sixteen fields of random colours."""
    small = Image.frombytes("RGB", (4, 4), chance.randbytes(48))
    return small.resize((SIDE, SIDE), Image.Resampling.NEAREST)


def measure(subject: Subject, folder: Path, seed: int) -> dict[str, Any]:
    """Return what changing one thing at a time does to a picture of one generator."""
    kind, config, wording, wording_config = map(named, subject.classes)
    maker = Maker(kind, config, folder, subject.options(folder, seed))
    generator, chance = maker(fresh=True), random.Random(seed)
    conditioner = wording(wording_config(), Context(component=lambda role: None, cache_dir=folder))
    count = subject.references
    shown = [Reference(picture(chance), caption) for caption in THINGS[:count]]

    def guidance(pictures: Sequence[Reference], prompt: str = PROMPT) -> Guidance:
        made: Guidance = conditioner.condition(prompt, pictures, generator.capability(), seed=seed)
        return made

    def with_pictures(order: Sequence[Image.Image]) -> list[Reference]:
        return [replace(old, image=new) for old, new in zip(shown, order, strict=True)]

    images = [reference.image for reference in shown]
    base = guidance(shown)
    asked = {"again": base, "without": guidance([])}
    for place in range(count):
        changed = [*images[:place], picture(chance), *images[place + 1 :]]
        asked[f"reference {place + 1}"] = guidance(with_pictures(changed))
    if count > 1:
        asked["order"] = guidance(with_pictures(images[::-1]))
    asked["seed"] = replace(base, seed=seed + 1)
    asked["prompt"] = guidance(shown, OTHER_PROMPT)
    before, *after = generator.generate([base, *asked.values()])
    generator.close()
    found = {what: difference(before, new) for what, new in zip(asked, after, strict=True)}
    return {"generator": subject.name, "references": count, **found}


def row(found: dict[str, Any]) -> str:
    """Return a line of the table."""
    each = [found[f"reference {place + 1}"] for place in range(found["references"])]
    order = f"{found['order']:.2f}" if "order" in found else "–"
    cells = [
        f"`{found['generator']}`",
        " · ".join(f"{value:.2f}" for value in each),
        f"{found['without']:.2f}",
        order,
        f"{found['seed']:.2f}",
        f"{found['prompt']:.2f}",
        f"{found['again']:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure the generators named, or all, and print JSON and a table."""
    names = [subject.name for subject in SUBJECTS]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="of models, references and pictures")
    parser.add_argument("generators", nargs="*", metavar="GENERATOR", help=", ".join(names))
    given = parser.parse_args()
    if unknown := set(given.generators) - set(names):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(names)}")
    results = []
    for subject in SUBJECTS:
        if given.generators and subject.name not in given.generators:
            continue
        with tempfile.TemporaryDirectory() as folder:
            results.append(measure(subject, Path(folder), given.seed))
    print(json.dumps({"seed": given.seed, "mean_absolute_difference_of_255": results}, indent=1))
    print("\n| generator | reference 1 · 2 · … | without | order | seed | prompt | again |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(map(row, results)))


if __name__ == "__main__":
    main()
