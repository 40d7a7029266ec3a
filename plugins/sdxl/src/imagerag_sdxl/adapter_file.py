"""Reads an IP-Adapter's weights file and checks, by shapes alone, that it fits its company.

diffusers finds a wrong pair only when matrices are multiplied: "mat1 and mat2 shapes cannot be
multiplied (257x1664 and 1280x1280)". Here the same is said before a large model is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from imagerag.errors import WeightsError
from imagerag_sdxl.published import ENCODER_WIDTHS

if TYPE_CHECKING:
    import torch

Kind: TypeAlias = Literal["plain", "plus"]
"""A plain adapter reads the encoder's projection of a picture, plus reads all hidden states."""

READS: Mapping[Kind, str] = {"plain": "projection", "plus": "hidden states"}

PLAIN_TOKENS = 4
PLUS_LAYERS = 4
PLUS_HEAD = 64
"""diffusers builds every adapter with these; a file of other shapes would load in part."""


@dataclass(frozen=True)
class Adapter:
    """An IP-Adapter's weights file, by its shapes.

    `reads` is how wide the encoder's output must be, `cross` how wide the U-Net's text must be,
    `layers` the (rows, columns) of each cross-attention layer's key matrix, in the U-Net's order.
    """

    path: Path
    kind: Kind
    reads: int
    cross: int
    layers: tuple[tuple[int, int], ...]


def read_adapter(path: Path) -> Adapter:
    """Read the shapes of an adapter's file; its tensors stay on disk.

    Raises:
        WeightsError: There is no such file, it is not safetensors, or no adapter of a known kind.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        beside = sorted(found.name for found in path.parent.glob("*.safetensors"))
        raise WeightsError(
            f"The adapter has no weights {path.name!r} in {str(path.parent)!r}"
            + (f"; there are: {', '.join(beside)}." if beside else ".")
            + " Set adapter_subfolder and adapter_weights to where the file is."
        )
    try:
        with safe_open(path, framework="pt") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"The adapter's weights {str(path)!r} cannot be read as safetensors: {error}. "
            "Fetch the file again."
        ) from error
    return _shaped(path, shapes)


def read_tensors(adapter: Adapter) -> dict[str, dict[str, torch.Tensor]]:
    """Return the adapter's tensors in the two groups that diffusers expects."""
    from safetensors.torch import load_file

    groups: dict[str, dict[str, torch.Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for key, tensor in load_file(adapter.path).items():
        group, _, name = key.partition(".")
        if group in groups:
            groups[group][name] = tensor
    return groups


def _shaped(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> Adapter:
    numbers = sorted(
        int(key.split(".")[1])
        for key in shapes
        if key.startswith("ip_adapter.") and key.endswith(".to_k_ip.weight")
    )
    layers = []
    for number in numbers:
        rows, columns = shapes[f"ip_adapter.{number}.to_k_ip.weight"]
        layers.append((rows, columns))
    if "image_proj.proj.weight" in shapes and layers:
        rows, reads = shapes["image_proj.proj.weight"]
        return Adapter(path, "plain", reads, rows // PLAIN_TOKENS, tuple(layers))
    if {"image_proj.latents", "image_proj.proj_in.weight"} <= shapes.keys() and layers:
        _check_resampler(path, shapes)
        cross = shapes["image_proj.proj_out.weight"][0]
        reads = shapes["image_proj.proj_in.weight"][1]
        return Adapter(path, "plus", reads, cross, tuple(layers))
    raise WeightsError(
        f"{str(path)!r} is not a plain or plus IP-Adapter (FaceID and Full adapters have other "
        "inputs). It begins with: "
        f"{', '.join(sorted(shapes)[:3]) or 'nothing'}. Choose for instance "
        "'ip-adapter-plus_sdxl_vit-h.safetensors' or 'ip-adapter_sdxl_vit-h.safetensors'."
    )


def _check_resampler(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    depth = len({key.split(".")[2] for key in shapes if key.startswith("image_proj.layers.")})
    if depth != PLUS_LAYERS:
        raise WeightsError(
            f"The adapter {path.name!r} has {depth} resampler layers; diffusers builds exactly "
            f"{PLUS_LAYERS}. Choose another adapter_weights; one with fewer can be filled up with "
            "layers that change nothing (norms 1 and 0, 'to_out' and '1.3' zero)."
        )
    queries = next(key for key in sorted(shapes) if key.endswith("to_q.weight"))
    if shapes[queries][0] % PLUS_HEAD:
        raise WeightsError(
            f"The adapter {path.name!r} has {shapes[queries][0]} rows in {queries!r}; diffusers "
            f"builds attention heads of {PLUS_HEAD}, so it must be a multiple of that."
        )


def check_encoder(adapter: Adapter, folder: Path) -> None:
    """Check that the image encoder in `folder` gives what the adapter reads.

    Raises:
        WeightsError: It does not; the message names both widths and the encoder that fits.
    """
    config = read_config(folder, "adapter's image encoder")
    key = "projection_dim" if adapter.kind == "plain" else "hidden_size"
    gives = int(config.get(key, 0))
    if gives == adapter.reads:
        return
    what = READS[adapter.kind]
    fits = ENCODER_WIDTHS.get((what, adapter.reads))
    is_this = ENCODER_WIDTHS.get((what, gives))
    raise WeightsError(
        f"The adapter {adapter.path.name!r} ({adapter.kind}) reads {what} of width "
        f"{adapter.reads}, but the image encoder in {folder.as_posix()!r} gives width {gives} "
        f"({key})"
        + (f": it is {is_this}" if is_this else "")
        + (f". The adapter was made for {fits}" if fits else "")
        + ". Set image_encoder_folder to the encoder that the adapter was trained with."
    )


def check_unet_config(adapter: Adapter, model: str, folder: Path) -> None:
    """Check, by the U-Net's configuration, that the adapter speaks its text width.

    Raises:
        WeightsError: It does not.
    """
    config = read_config(folder / "unet", f"U-Net of the model {model!r}")
    cross = config.get("cross_attention_dim")
    if cross != adapter.cross:
        raise WeightsError(
            f"The adapter {adapter.path.name!r} makes image tokens of width {adapter.cross}, but "
            f"the U-Net of {model!r} attends to width {cross} (cross_attention_dim). It was made "
            "for another family of models: SDXL has 2048, Stable Diffusion 1.5 has 768. Set "
            "adapter_subfolder and adapter_weights to an adapter for SDXL."
        )


def check_unet(adapter: Adapter, model: str, unet: Any) -> None:
    """Check that each cross-attention layer of a loaded U-Net finds its matrices in the adapter.

    Raises:
        WeightsError: The number of layers or one layer's shape differs.
    """
    wanted = []
    for name in unet.attn_processors:
        if name.endswith("attn2.processor"):
            layer = name.removesuffix(".processor")
            keys = unet.get_submodule(layer).to_k
            wanted.append((layer, (int(keys.out_features), int(keys.in_features))))
    if len(wanted) != len(adapter.layers):
        raise WeightsError(
            f"The adapter {adapter.path.name!r} has {len(adapter.layers)} cross-attention layers, "
            f"the U-Net of {model!r} has {len(wanted)}. Choose an adapter made for this model."
        )
    for (layer, shape), has in zip(wanted, adapter.layers, strict=True):
        if shape != has:
            raise WeightsError(
                f"The adapter {adapter.path.name!r} has {has[0]}×{has[1]} keys where {layer!r} of "
                f"{model!r} has {shape[0]}×{shape[1]}. Choose an adapter made for this model."
            )


def read_config(folder: Path, whose: str) -> dict[str, Any]:
    """Return the configuration in `folder`.

    Raises:
        WeightsError: It is not there, or not a JSON object; `whose` says what it belongs to.
    """
    path = folder / "config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(
            f"The {whose} was not found: there is no {path.as_posix()!r}. Name the folder that "
            "holds it, or fetch it again."
        ) from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"The {whose}: {path.as_posix()!r} is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise WeightsError(f"The {whose}: {path.as_posix()!r} is not a JSON object.")
    return found
