"""A DINO on disk, in transformers' layout: read without loading it, or torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagerag.errors import WeightsError
from imagerag_torch import digest_folder, resolve_weights

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
WEIGHTS = ("model.safetensors", "model-*.safetensors")
FILES = (CONFIG, PREPROCESSOR, *WEIGHTS, "model.safetensors.index.json")
"""What is fetched of a hub model."""

CLASSES = {
    "dinov2": "Dinov2Model",
    "dinov2_with_registers": "Dinov2WithRegistersModel",
    "vit": "ViTModel",
}
"""transformers' class by the configuration's `model_type`. The first DINO is a plain ViT."""

INCIDENTAL = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version"}
"""Keys of a configuration that say nothing of what the model computes."""


@dataclass(frozen=True)
class Layout:
    """Where a DINO is and what it is.

    `dim` is the length of its vectors, `kind` the name of its class in transformers, `space` the
    stable id of its vectors: dimension, digest of the weights, and digest of architecture and
    preprocessing. It does not depend on where the folder lies, on device or dtype. `revision` is
    the commit of a hub model, "" for a folder of the user's own.
    """

    folder: Path
    kind: str
    dim: int
    space: str
    revision: str = ""


def read_layout(model: str, revision: str | None = None, *, unpinned: bool = False) -> Layout:
    """Find a DINO, fetching it where necessary, and describe it.

    Raises:
        ConfigError: `model` or `revision` is of no valid form.
        WeightsError: The folder lacks a file, holds another model, or cannot be fetched.
        CredentialsError: The hub wants a token.
    """
    folder = resolve_weights(model, revision, FILES, unpinned=unpinned)
    config = _json(model, folder, CONFIG)
    kind, dim = config.get("model_type"), config.get("hidden_size")
    if kind not in CLASSES or not isinstance(dim, int):
        raise WeightsError(
            f"The model {model!r} is no DINO: its {CONFIG!r} says model_type = {kind!r}, and this "
            f"plugin reads {', '.join(map(repr, CLASSES))}. The default is 'facebook/dinov2-base'."
        )
    preprocessing = _json(model, folder, PREPROCESSOR)
    decisive = {key: value for key, value in config.items() if key not in INCIDENTAL}
    written = json.dumps([decisive, preprocessing], sort_keys=True).encode()
    weights = digest_folder(folder, WEIGHTS)
    space = f"dino-{dim}-{weights[:16]}-{hashlib.sha256(written).hexdigest()[:12]}"
    # The hub's cache keeps each commit in a folder of that name, below "snapshots".
    commit = folder.name if folder.parent.name == "snapshots" else ""
    return Layout(folder, CLASSES[kind], dim, space, commit)


def _json(model: str, folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(
            f"The model {model!r} is not in transformers' layout: there is no {name!r} in "
            f"{str(folder)!r}. Save model and image processor there with save_pretrained."
        ) from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"The file {str(path)!r} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise WeightsError(f"The file {str(path)!r} holds no configuration.")
    return found
