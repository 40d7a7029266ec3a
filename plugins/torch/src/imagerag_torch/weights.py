"""Where a model's weights are: a folder on this machine, or a pinned snapshot of a hub model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from imagerag.errors import ConfigError, WeightsError
from imagerag.resources import local

PICKLES = (".bin", ".ckpt", ".pkl", ".pickle", ".pt", ".pth")
"""Formats that can run code while they load; weights are never read from them."""

FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
"""What is fetched of a hub model by default: weights, configurations, tokenizers. No code."""

PREFIXES = ("hf-hub:", "local-dir:")
"""open_clip's spellings, accepted for every model."""

HUB_ID = re.compile(r"[A-Za-z0-9][\w.\-]*/[\w.\-]+")
COMMIT = re.compile(r"[0-9a-f]{40}")


def is_commit(revision: str | None) -> bool:
    """Return whether `revision` is a full commit (40 hexadecimal digits), which cannot move."""
    return revision is not None and COMMIT.fullmatch(revision) is not None


def resolve_weights(
    model: str,
    revision: str | None = None,
    files: Sequence[str] = FILES,
    *,
    unpinned: bool = False,
) -> Path:
    """Return the local folder that holds `model`, fetching it from the hub where necessary.

    Args:
        model: A folder, "package:NAME/folder", or a hub id "owner/name"; "local-dir:" and
            "hf-hub:" before it say which of the two is meant.
        revision: The commit of a hub model, 40 hexadecimal digits. Ignored for a folder.
        files: Patterns of the files to fetch of a hub model.
        unpinned: Allow a hub model at a branch or tag, which may change under its name.

    Raises:
        ConfigError: `model` is neither form, or a hub model has no pinned revision.
        WeightsError: The weights are not there, cannot be fetched, or are of an unsafe format.
        CredentialsError: The hub wants a token and `HF_TOKEN` is not set.
    """
    if unsafe := [name for name in files if name.lower().endswith(PICKLES)]:
        raise WeightsError(_conversion(model, unsafe))
    name, forced = model, ""
    for prefix in PREFIXES:
        if model.startswith(prefix):
            name, forced = model.removeprefix(prefix), prefix
    if not name.strip():
        raise ConfigError(f"The model {model!r} names nothing: set it to a folder or a hub id.")
    folder = Path(local(name)).expanduser()
    if forced != "hf-hub:" and folder.is_dir():
        refuse_pickles(model, folder)
        return folder
    if folder.is_file():
        raise WeightsError(
            f"The model {model!r} is a file. Name the folder that holds it, in the layout that "
            "the model's library saves."
        )
    if forced == "local-dir:" or not HUB_ID.fullmatch(name):
        raise WeightsError(
            f"The model {model!r} was not found: there is no folder {str(folder)!r}"
            + ("." if forced else ", and it is not a hub id of the form 'owner/name'.")
        )
    if not is_commit(revision) and not unpinned:
        raise ConfigError(
            f"The hub model {model!r} needs a pinned revision, got {revision!r}. Set revision to "
            "the commit of 40 hexadecimal digits that its page lists under 'Files, history'"
            + (
                f"; or was {str(folder)!r} meant as a folder? It does not exist."
                if not forced
                else "."
            )
        )
    from imagerag_torch.hub import fetch

    folder = fetch(name, revision, files)
    refuse_pickles(model, folder)
    return folder


def refuse_pickles(model: str, folder: Path) -> None:
    """Raise `WeightsError` where `folder` holds no safetensors file, saying what to do.

    Other weight files beside safetensors ones do no harm: nothing here opens them.
    """
    names = sorted(path.name for path in folder.rglob("*") if path.is_file())
    if any(name.endswith(".safetensors") for name in names):
        return
    unsafe = [name for name in names if name.lower().endswith(PICKLES)]
    if unsafe:
        raise WeightsError(_conversion(model, unsafe))
    raise WeightsError(
        f"The model {model!r} has no weights: there is no *.safetensors in {str(folder)!r}."
    )


def _conversion(model: str, unsafe: Sequence[str]) -> str:
    return (
        f"The model {model!r} has its weights in {unsafe[0]!r}, a format that can run code while "
        "it loads; only safetensors are read. Look for a revision with safetensors, or convert a "
        "file you trust: safetensors.torch.save_file(torch.load(FILE, weights_only=True), "
        "'model.safetensors')."
    )
