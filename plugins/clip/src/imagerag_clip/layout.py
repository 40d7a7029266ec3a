"""A CLIP on disk, in open_clip's layout: read without loading it, or torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagerag.errors import WeightsError
from imagerag_torch import digest_file, digest_folder, resolve_weights

CONFIG = "open_clip_config.json"
PREFERRED = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
PICKLES = ("*.bin", "*.pth")
TOKENIZER = ("tokenizer*.json", "vocab*", "merges.txt", "special_tokens_map.json", "*.model")
FILES = (CONFIG, "open_clip*.safetensors", *TOKENIZER)
"""What is fetched of a hub model."""


@dataclass(frozen=True)
class Layout:
    """Where a CLIP is and what it is.

    `dim` is the length of its vectors, `space` their stable id: dimension, digest of the weights,
    and digest of all that decides what the weights are applied to: architecture, image
    preprocessing, tokenizer. It does not depend on where the folder lies, on device or dtype.
    `revision` is the commit of a hub model, "" for a folder of the user's own. `image_size` is the
    longer side of its input, in pixels; None where the configuration does not tell.
    """

    folder: Path
    weights: Path
    dim: int
    space: str
    revision: str = ""
    image_size: int | None = None


def read_layout(model: str, revision: str | None = None, *, unpinned: bool = False) -> Layout:
    """Find a CLIP, fetching it where necessary, and describe it.

    Raises:
        ConfigError: `model` or `revision` is of no valid form.
        WeightsError: The folder lacks its configuration or safe weights, or cannot be fetched.
        CredentialsError: The hub wants a token.
    """
    folder = resolve_weights(model, revision, FILES, unpinned=unpinned)
    path = folder / CONFIG
    try:
        config: Any = json.loads(path.read_text(encoding="utf-8"))
        dim = config["model_cfg"]["embed_dim"]
    except FileNotFoundError as error:
        raise WeightsError(
            f"The model {model!r} is not in open_clip's layout: there is no {CONFIG!r} in "
            f"{str(folder)!r}. Save it with open_clip, or choose a hub model that has this file."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"The model {model!r} has a {CONFIG!r} that is not open_clip's: {error!r}."
        ) from error
    if not isinstance(dim, int) or dim < 1:
        raise WeightsError(f"The model {model!r} says embed_dim = {dim!r} in its {CONFIG!r}.")
    weights = _weights(model, folder)
    space = f"clip-{dim}-{digest_file(weights)[:16]}-{_preprocessing(config, folder)[:12]}"
    # The hub's cache keeps each commit in a folder of that name, below "snapshots".
    commit = folder.name if folder.parent.name == "snapshots" else ""
    return Layout(folder, weights, dim, space, commit, _image_size(config))


def _image_size(config: Any) -> int | None:
    """Return what pictures are scaled to: what the preprocessing says, else the architecture."""
    try:
        model = config["model_cfg"]["vision_cfg"].get("image_size")
        size = config.get("preprocess_cfg", {}).get("size") or model
        sides = [size] if isinstance(size, int) else [int(side) for side in size]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return max(sides, default=0) or None


def _weights(model: str, folder: Path) -> Path:
    """Return the file that open_clip will load, once it is sure to be a safetensors file."""
    for name in PREFERRED:
        if (folder / name).is_file():
            return folder / name
    found = sorted(folder.glob("*.safetensors"))
    # open_clip would take its own older pickle file before a safetensors file of another name.
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if len(found) != 1 or pickles:
        raise WeightsError(
            f"The model {model!r} has no {PREFERRED[0]!r} in {str(folder)!r}, but "
            f"{[*(path.name for path in found), *pickles]!r}: leave one safetensors file, under "
            "that name, and no pickled weights beside it."
        )
    return found[0]


def _preprocessing(config: Any, folder: Path) -> str:
    total = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    if any(path.is_file() for pattern in TOKENIZER for path in folder.glob(pattern)):
        total.update(digest_folder(folder, TOKENIZER).encode())
    return total.hexdigest()
