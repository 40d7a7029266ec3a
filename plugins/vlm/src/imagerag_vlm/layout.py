"""The folder that transformers saves a model in: what belongs to it, and what of it is missing.

Everything here reads small files, so that a wrong folder is named before a large model is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagerag.errors import ImageRAGError, WeightsError
from imagerag.resources import local
from imagerag_vlm.config import VLMConfig
from imagerag_vlm.published import known

FILES = ("model.safetensors", "model-*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
"""What is fetched of a hub model, and what of a folder decides its answers: weights in the names
that transformers gives them, configurations, vocabularies, chat templates. Some repositories hold
the same weights a second time under other names."""

PROCESSORS = ("processor_config.json", "preprocessor_config.json")
TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json")


def read_class(model: str, folder: Path) -> str:
    """Return the class of transformers that the folder's model is of, once all files are there.

    Raises:
        WeightsError: It is in another layout, of another class, or something is missing.
    """
    config = _config(model, folder)
    if not any((folder / name).is_file() for name in PROCESSORS):
        raise WeightsError(
            f"The model {model!r} has no processor: none of {' and '.join(PROCESSORS)} is in "
            f"{str(folder)!r}, so nothing says how pictures reach it. Fetch the model again, or "
            f"save it there: AutoProcessor.from_pretrained(…).save_pretrained({str(folder)!r})."
        )
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise WeightsError(
            f"The model {model!r} has no tokenizer: there is no tokenizer.json in "
            f"{str(folder)!r}. Fetch the model again."
        )
    return _known_class(model, config)


def _config(model: str, folder: Path) -> Mapping[str, Any]:
    try:
        return _read(folder)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"The model {model!r} is not in the layout of transformers: "
            f"{str(folder / 'config.json')!r} is missing or broken ({type(error).__name__}). Name "
            "the folder that `save_pretrained` of the model and of its processor wrote."
        ) from error


def _known_class(model: str, config: Mapping[str, Any]) -> str:
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as FAMILIES,
    )

    family, named = str(config.get("model_type")), _first(config.get("architectures"))
    expected = str(FAMILIES.get(family, ""))
    if expected and named in (None, expected):
        return expected
    if not expected and config.get("auto_map"):
        raise WeightsError(
            f"The model {model!r} ({named or family}) comes with code of its own, which is never "
            "run here. Choose a model whose class is part of transformers, such as "
            "'Qwen/Qwen2.5-VL-7B-Instruct'."
        )
    raise WeightsError(
        f"The model {model!r} is a {named or family!r}, which does not answer questions about "
        "pictures"
        + (f"; {expected!r} of the same family does" if expected else "")
        + ". Set critic.model to a vision-language model that transformers knows, such as "
        "'Qwen/Qwen2.5-VL-7B-Instruct'; a newer transformers knows more of them."
    )


def class_of(config: VLMConfig) -> str:
    """Return what class a configured model is of, without fetching or importing; "" if unknown."""
    try:
        folder = folder_of(config.model)
        if folder is not None:
            return _first(_read(folder).get("architectures")) or ""
    except (ImageRAGError, OSError, ValueError):
        return ""
    found = known(config.model)
    return found.implementation if found else ""


def content(config: VLMConfig) -> str:
    """Return the revision of a hub model, or the digest of a folder's content.

    The answer is the same before and after weights are loaded. A folder that cannot be read has the
    digest "unreadable": loading it will say why. A hub model without a commit is "unpinned".
    """
    from imagerag_torch import digest_folder

    try:
        folder = folder_of(config.model)
        if folder is not None:
            return f"sha256:{digest_folder(folder, FILES)}"
    except ImageRAGError:
        return "unreadable"
    return config.pinned or "unpinned"


def folder_of(model: str) -> Path | None:
    """Return the folder that `model` names, or None for a hub model."""
    if model.startswith("hf-hub:"):
        return None
    folder = Path(local(model.removeprefix("local-dir:"))).expanduser()
    return folder if folder.is_dir() else None


def _read(folder: Path) -> Mapping[str, Any]:
    found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError("config.json holds no object")
    return found


def _first(names: Any) -> str | None:
    return str(names[0]) if isinstance(names, list) and names else None
