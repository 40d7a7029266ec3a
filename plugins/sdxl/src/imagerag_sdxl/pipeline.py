"""Builds the one diffusers pipeline that paints drafts and results alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from imagerag.errors import ConfigError, WeightsError
from imagerag_sdxl import adapter_file
from imagerag_sdxl.files import Places, find
from imagerag_sdxl.schedulers import build_scheduler

if TYPE_CHECKING:
    import torch

    from imagerag_sdxl.config import SDXLConfig


def load_pipeline(config: SDXLConfig) -> tuple[Any, adapter_file.Adapter | None]:
    """Load the model and the adapter; return the pipeline, ready, and what adapter it has.

    Raises:
        ConfigError: The device, dtype, scheduler or offload option is wrong.
        WeightsError: Weights are missing, unsafe, broken, or do not fit each other.
        CredentialsError: The hub wants a token.
    """
    from imagerag_torch import choose_device, choose_dtype, guard_torchvision

    guard_torchvision()
    device = choose_device(config.device)
    dtype = choose_dtype(config.dtype, device)
    if config.offload != "none" and device.type == "cpu":
        raise ConfigError(
            f"offload = {config.offload!r} moves weights between main memory and a GPU, and the "
            "device is the CPU. Set offload = 'none', or device to a GPU."
        )
    places = find(config)
    adapter = _checked_adapter(config, places)
    with _quiet():
        pipe = _base(config, places, dtype)
        if adapter is not None:
            adapter_file.check_unet(adapter, config.model, pipe.unet)
            _attach(config, adapter, pipe)
    pipe.set_progress_bar_config(disable=True)
    if config.scheduler is not None:
        pipe.scheduler = build_scheduler(config.scheduler, config.scheduler_options, pipe.scheduler)
    _save_memory(config, pipe, device)
    return pipe, adapter


def _checked_adapter(config: SDXLConfig, places: Places) -> adapter_file.Adapter | None:
    if places.adapter is None or places.encoder is None:
        return None
    adapter = adapter_file.read_adapter(places.adapter)
    adapter_file.check_encoder(adapter, places.encoder)
    adapter_file.check_unet_config(adapter, config.model, places.model)
    return adapter


def _base(config: SDXLConfig, places: Places, dtype: torch.dtype) -> Any:
    from imagerag_sdxl.batched_pipeline import BatchedReferencesPipeline

    encoder = _image_encoder(config, places, dtype)
    try:
        return BatchedReferencesPipeline.from_pretrained(
            places.model,
            dtype=dtype,
            variant=config.variant,
            use_safetensors=True,
            local_files_only=True,
            # A watermark is drawn only where another library happens to be installed: the same
            # guidance would give different pictures on two machines.
            add_watermarker=False,
            **encoder,
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise WeightsError(
            f"The model {config.model!r} could not be loaded from {str(places.model)!r}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _image_encoder(config: SDXLConfig, places: Places, dtype: torch.dtype) -> dict[str, Any]:
    """Return the adapter's encoder and its preprocessing.

    Loaded here and not by `load_ip_adapter`, which neither pins its revision nor insists on
    safetensors. The preprocessing is CLIP's at the encoder's own size, by Pillow: the torchvision
    variant rounds differently, so pictures would depend on whether that is installed.
    """
    if places.encoder is None:
        return {}
    from transformers import CLIPVisionModelWithProjection

    try:
        from transformers import CLIPImageProcessorPil as CLIPImageProcessor
    except ImportError:  # transformers before 5.2 have one class, which is this one
        from transformers import CLIPImageProcessor

    try:
        encoder = CLIPVisionModelWithProjection.from_pretrained(
            places.encoder, dtype=dtype, use_safetensors=True, local_files_only=True
        ).eval()
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
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


def _attach(config: SDXLConfig, adapter: adapter_file.Adapter, pipe: Any) -> None:
    try:
        pipe.load_ip_adapter(adapter_file.read_tensors(adapter), subfolder="", weight_name="")
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise WeightsError(
            f"The adapter {adapter.path.name!r} could not be attached to {config.model!r}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _save_memory(config: SDXLConfig, pipe: Any, device: torch.device) -> None:
    if config.attention_slicing:
        _slice_self_attention(pipe.unet)
    if config.vae_slicing:
        pipe.vae.enable_slicing()
    if config.vae_tiling:
        pipe.vae.enable_tiling()
    if config.offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    elif config.offload == "sequential":
        pipe.enable_sequential_cpu_offload(device=device)
    else:
        pipe.to(device)


def _slice_self_attention(unet: Any) -> None:
    """Slice self-attention only, where the memory goes.

    `enable_attention_slicing` replaces every processor, the adapter's among them: references would
    end in an error.
    """
    from diffusers.models.attention_processor import SlicedAttnProcessor

    for name, module in unet.named_modules():
        if name.endswith("attn1"):
            module.set_processor(SlicedAttnProcessor(max(1, module.heads // 2)))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep loading bars and notices off the terminal, which has a progress display already.

    The notices would be two, both void: diffusers expects the other class of the same image
    processor, and lists no modules that ought to stay in float32.
    """
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    shown = [
        library
        for library in (diffusers_logging, transformers_logging)
        if library.is_progress_bar_enabled()
    ]
    verbosity = diffusers_logging.get_verbosity()
    diffusers_logging.set_verbosity_error()
    for library in shown:
        library.disable_progress_bar()
    try:
        yield
    finally:
        diffusers_logging.set_verbosity(verbosity)
        for library in shown:
            library.enable_progress_bar()
