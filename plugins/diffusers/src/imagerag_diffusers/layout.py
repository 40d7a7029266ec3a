"""The folder that diffusers saves a pipeline in: what belongs to it, and what of it is missing.

diffusers finds a gap only after it has loaded what comes before it, and then names a class and not
the file. Here the same is said before a large model is loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagerag.errors import WeightsError

INDEX = "model_index.json"

FILES = {"diffusers": "diffusion_pytorch_model", "transformers": "model"}
"""What each library calls its weight files."""

WEIGHTLESS = re.compile(r"Tokenizer|Processor|FeatureExtractor|Scheduler")
"""Classes of components that are saved without weights."""

PART = re.compile(r"-(\d{5})-of-(\d{5})")
"""How a weight file in several parts numbers them."""


@dataclass(frozen=True)
class Layout:
    """A complete pipeline in a folder of this machine.

    `pipeline` is the class of diffusers that its index names, `weighted` the library of each
    component that has weights ("diffusers", "transformers"), in the index's order.
    """

    folder: Path
    pipeline: str
    weighted: Mapping[str, str]


def wanted_files(folders: Iterable[str], variant: str | None) -> tuple[str, ...]:
    """Return what to fetch of a hub model, as patterns.

    Repositories also hold ONNX files, pickles, other variants and one-file copies, often several
    times as large as what is needed.

    Args:
        folders: The pipeline's components.
        variant: Which weight files, for instance "fp16". A large file is published whole or in
            numbered parts, which older versions of diffusers named with the variant last.
    """
    dot = f".{variant}" if variant else ""
    files = [INDEX]
    for folder in folders:
        # Configurations, vocabularies, SentencePiece models, chat templates.
        files += [f"{folder}/*.{end}" for end in ("json", "txt", "model", "jinja")]
        for stem in FILES.values():
            files += [
                f"{folder}/{stem}{dot}.safetensors",
                f"{folder}/{stem}{dot}-[0-9]*.safetensors",
                f"{folder}/{stem}-[0-9]*{dot}.safetensors",
            ]
    return tuple(files)


def pipeline_name(folder: Path) -> str | None:
    """Return the class that the folder's index names, or None where there is no readable index."""
    try:
        return str(_index(folder)["_class_name"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_layout(
    model: str,
    folder: Path,
    pipelines: Collection[str],
    variant: str | None = None,
    *,
    elsewhere: Mapping[str, str] | None = None,
    given: Collection[str] = (),
) -> Layout:
    """Return the layout of `folder`, once it is known to be whole and of the right kind.

    Args:
        model: What the configuration calls it, for messages.
        folder: Where it is.
        pipelines: Classes that the asking generator can run.
        variant: Which weight files are to be loaded.
        elsewhere: For other classes the generator that runs them.
        given: Components that the plugin brings itself; their folders are not looked at.

    Raises:
        WeightsError: It is in another layout, of another class, or something is missing.
    """
    try:
        index = _index(folder)
        pipeline = str(index["_class_name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"The model {model!r} is not in the layout of diffusers: {str(folder / INDEX)!r} is "
            f"missing or broken ({type(error).__name__}). Name the folder that "
            "`save_pretrained` of the pipeline wrote; a single-file checkpoint has to be converted "
            f"first: diffusers.{next(iter(pipelines))}.from_single_file(…).save_pretrained(…)."
        ) from error
    if pipeline not in pipelines:
        other = (elsewhere or {}).get(pipeline)
        raise WeightsError(
            f"The model {model!r} is a {pipeline!r}; this generator runs "
            f"{' and '.join(map(repr, sorted(pipelines)))}. "
            + (
                f"Set generator.use = {other!r} for it."
                if other
                else "`imagerag plugins list --role generator` names others."
            )
        )
    weighted = {}
    for component, entry in index.items():
        if component.startswith("_") or component in given:
            continue
        if not isinstance(entry, list) or len(entry) != 2 or None in entry:
            continue  # an argument of the pipeline, or a component that this model does without
        if not (folder / component).is_dir():
            raise WeightsError(
                f"The model {model!r} is not complete: its index names {component!r} "
                f"({entry[1]}), but there is no folder {str(folder / component)!r}. Fetch it again."
            )
        library, kind = map(str, entry)
        if not WEIGHTLESS.search(kind):
            _check_weights(model, folder / component, FILES.get(library, "*"), variant)
            weighted[component] = library
    return Layout(folder, pipeline, weighted)


def _index(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise TypeError(f"{INDEX} holds no object")
    return found


def _check_weights(model: str, folder: Path, stem: str, variant: str | None) -> None:
    """Check that the weights of one component are there, of the wanted variant, and whole."""
    here = sorted(path.name for path in folder.glob("*.safetensors"))
    wanted = [name for name in here if _variant_of(name) == variant]
    component = folder.name
    if not wanted:
        pickled = sorted(path.name for path in folder.glob("*.bin"))
        dot = f".{variant}" if variant else ""
        raise WeightsError(
            f"The model {model!r} has no {component}/{stem}{dot}.safetensors"
            + (f"; there are: {', '.join(here)}. Set variant to match" if here else "")
            + (
                f"; {pickled[0]!r} can run code while it loads, and is never read. Look for a "
                "revision with safetensors"
                if pickled and not here
                else ""
            )
            + ("" if here or pickled else ". Fetch the model again")
            + "."
        )
    parts = [found for name in wanted if (found := PART.search(name))]
    if not parts or len(parts) < len(wanted):
        return  # one file holds it all
    most = int(parts[0][2])
    if lacking := sorted(set(range(1, most + 1)) - {int(part[1]) for part in parts}):
        raise WeightsError(
            f"The model {model!r} is not complete: {component!r} is in {most} parts, and part "
            f"{lacking[0]} is missing. Fetch the model again."
        )


def _variant_of(name: str) -> str | None:
    """Return "fp16" for "model.fp16.safetensors", None for "model.safetensors"."""
    inner = PART.sub("", name.removesuffix(".safetensors"))
    return inner.partition(".")[2] or None
