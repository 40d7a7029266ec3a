"""What a run record keeps of the generator, so that a picture can be made again."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from imagerag.errors import ImageRAGError
from imagerag.resources import local
from imagerag_sdxl.files import adapter_files
from imagerag_sdxl.published import revision_of

if TYPE_CHECKING:
    from imagerag_sdxl.config import SDXLConfig

LIBRARIES = ("imagerag-sdxl", "diffusers", "transformers", "torch", "pillow")


def provenance(config: SDXLConfig) -> dict[str, str]:
    """Return names, and revisions of hub models or content digests of folders.

    The answer is the same before and after weights are loaded. A folder that cannot be read has
    the digest "unreadable": loading it will say why.
    """
    found = {
        "model": config.model,
        "revision": _content(config.model, config.revision, ("*.safetensors", "*.json", "*.txt")),
        "scheduler": config.scheduler or "the model's own",
    }
    if config.takes_references:
        weights, encoder = adapter_files(config)
        found["adapter"] = f"{config.adapter}/{weights}"
        found["adapter_revision"] = _content(
            config.adapter,
            config.adapter_revision,
            (weights, f"{encoder}/*.safetensors", f"{encoder}/config.json"),
        )
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed"
    return found


def _content(name: str, revision: str | None, patterns: tuple[str, ...]) -> str:
    from imagerag_torch import digest_folder

    try:
        folder = Path(local(name.removeprefix("local-dir:"))).expanduser()
        if folder.is_dir():
            return f"sha256:{digest_folder(folder, patterns)}"
    except ImageRAGError:
        return "unreadable"
    return revision_of(name, revision) or "unpinned"
