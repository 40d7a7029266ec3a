"""Gives a pipeline an adapter: its image encoder, and its matrices inside the U-Net."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagerag.errors import WeightsError
from imagerag_sdxl import adapter_file
from imagerag_sdxl.files import Places

if TYPE_CHECKING:
    import torch

    from imagerag_sdxl.config import SDXLConfig

BROKEN = (OSError, ValueError, RuntimeError, KeyError, TypeError)
"""What diffusers and transformers raise for files that are damaged or do not fit each other."""


def image_encoder(config: SDXLConfig, places: Places, dtype: torch.dtype) -> dict[str, Any]:
    """Return the adapter's encoder and its preprocessing, as components of the pipeline.

    Loaded here and not by `load_ip_adapter`, which neither pins its revision nor insists on
    safetensors. The preprocessing is CLIP's at the encoder's own size, by Pillow: the torchvision
    variant rounds differently, so pictures would depend on whether that is installed.

    Raises:
        WeightsError: It cannot be loaded.
    """
    from transformers import CLIPVisionModelWithProjection

    try:
        from transformers import CLIPImageProcessorPil as CLIPImageProcessor
    except ImportError:  # transformers before 5.2 have one class, which is this one
        from transformers import CLIPImageProcessor

    try:
        encoder = CLIPVisionModelWithProjection.from_pretrained(
            places.encoder, dtype=dtype, use_safetensors=True, local_files_only=True
        ).eval()
    except BROKEN as error:
        raise WeightsError(
            f"The image encoder of the adapter {config.adapter!r} could not be loaded from "
            f"{str(places.encoder)!r}: {type(error).__name__}: {error}"
        ) from error
    side = encoder.config.image_size
    return {
        "image_encoder": encoder,
        "feature_extractor": CLIPImageProcessor(
            size={"shortest_edge": side}, crop_size={"height": side, "width": side}
        ),
    }


def attach(config: SDXLConfig, adapter: adapter_file.Adapter, pipe: Any) -> None:
    """Put an adapter into a loaded pipeline's U-Net.

    Raises:
        WeightsError: It does not fit there.
    """
    adapter_file.check_unet(adapter, config.model, pipe.unet)
    try:
        pipe.load_ip_adapter(adapter_file.read_tensors(adapter), subfolder="", weight_name="")
    except BROKEN as error:
        raise WeightsError(
            f"The adapter {adapter.path.name!r} could not be attached to {config.model!r}: "
            f"{type(error).__name__}: {error}"
        ) from error


def slice_self_attention(unet: Any) -> None:
    """Slice self-attention only, where the memory goes.

    `enable_attention_slicing` replaces every processor, the adapter's among them: references would
    end in an error.
    """
    from diffusers.models.attention_processor import SlicedAttnProcessor

    for name, module in unet.named_modules():
        if name.endswith("attn1"):
            module.set_processor(SlicedAttnProcessor(max(1, module.heads // 2)))
