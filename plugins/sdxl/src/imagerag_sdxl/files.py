"""Which files make up the adapter, and where they are on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from imagerag.errors import WeightsError
from imagerag_sdxl.published import adapter_revision

if TYPE_CHECKING:
    from imagerag_sdxl.config import SDXLConfig


@dataclass(frozen=True)
class Places:
    """The file of the adapter's weights, and the folder of its image encoder."""

    adapter: Path
    encoder: Path


def find_adapter(config: SDXLConfig) -> Places:
    """Return where the configured adapter is, fetching it from the hub where necessary.

    Raises:
        ConfigError: A hub id has no pinned revision.
        WeightsError: Weights are missing, cannot be fetched, or are of an unsafe format.
        CredentialsError: The hub wants a token.
    """
    from imagerag_diffusers.exhaustion import disk_space
    from imagerag_torch import resolve_weights

    weights, encoder = adapter_files(config)
    with disk_space(config.adapter):
        adapter = resolve_weights(
            config.adapter,
            adapter_revision(config.adapter, config.adapter_revision),
            (weights, f"{encoder}/config.json", f"{encoder}/model.safetensors"),
        )
    if not (adapter / encoder / "model.safetensors").is_file():
        raise WeightsError(
            f"The adapter {config.adapter!r} has no image encoder: there is no "
            f"{encoder + '/model.safetensors'!r}. Set image_encoder_folder (with a '/' it counts "
            "from the adapter's folder, without from adapter_subfolder)."
        )
    return Places(adapter / weights, adapter / encoder)


def adapter_provenance(config: SDXLConfig) -> dict[str, str]:
    """Return what a record keeps of the adapter: its file, and its revision or content digest."""
    from imagerag_diffusers.provenance import content

    weights, encoder = adapter_files(config)
    return {
        "adapter": f"{config.adapter}/{weights}",
        "adapter_revision": content(
            config.adapter,
            adapter_revision(config.adapter, config.adapter_revision),
            {},
            (weights, f"{encoder}/*.safetensors", f"{encoder}/config.json"),
        ),
    }


def adapter_files(config: SDXLConfig) -> tuple[str, str]:
    """Return the adapter's weights file and its encoder's folder, relative to the adapter.

    Raises:
        WeightsError: A path leaves the adapter's folder.
    """
    inside = PurePosixPath(config.adapter_subfolder)
    weights = inside / config.adapter_weights
    encoder = PurePosixPath(config.image_encoder_folder)
    if "/" not in config.image_encoder_folder:  # diffusers' own reading of the same option
        encoder = inside / encoder
    for path in (weights, encoder):
        if path.is_absolute() or ".." in path.parts:
            raise WeightsError(
                f"{str(path)!r} leads out of the adapter {config.adapter!r}; set adapter to the "
                "folder that holds both the weights and the image encoder."
            )
    return str(weights), str(encoder)
