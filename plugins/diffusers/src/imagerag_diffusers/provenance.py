"""What a run record keeps of a generator, so that a picture can be made again."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from imagerag.errors import ImageRAGError
from imagerag.resources import local
from imagerag_diffusers.layout import pipeline_name
from imagerag_diffusers.published import Catalogue, known, revision_of

FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
"""What of a folder decides how its pictures look: weights, configurations, tokenizers."""

LIBRARIES = ("imagerag-diffusers", "diffusers", "transformers", "torch", "pillow")


def content(
    model: str, revision: str | None, catalogue: Catalogue, files: Sequence[str] = FILES
) -> str:
    """Return the revision of a hub model, or the digest of a folder's content.

    The answer is the same before and after weights are loaded. A folder that cannot be read has the
    digest "unreadable": loading it will say why. A hub model without a pinned commit is "unpinned".
    """
    from imagerag_torch import digest_folder

    try:
        folder = _folder(model)
        if folder is not None:
            return f"sha256:{digest_folder(folder, files)}"
    except ImageRAGError:
        return "unreadable"
    return revision_of(model, revision, catalogue) or "unpinned"


def pipeline_of(model: str, catalogue: Catalogue) -> str | None:
    """Return which pipeline class a model is of, without fetching anything; None where unknown."""
    try:
        folder = _folder(model)
    except ImageRAGError:
        return None
    if folder is not None:
        return pipeline_name(folder)
    found = known(model, catalogue)
    return found.pipeline if found else None


def library_versions(*more: str) -> dict[str, str]:
    """Return the installed versions of what decides a picture's pixels, and of `more`."""
    found = {}
    for library in (*more, *LIBRARIES):
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed"
    return found


def _folder(model: str) -> Path | None:
    if model.startswith("hf-hub:"):
        return None
    folder = Path(local(model.removeprefix("local-dir:"))).expanduser()
    return folder if folder.is_dir() else None
