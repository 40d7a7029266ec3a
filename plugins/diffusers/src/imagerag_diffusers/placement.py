"""Puts a loaded pipeline where it runs, with the savings of memory that were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagerag.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from imagerag_diffusers.config import PipelineConfig


def check_offload(config: PipelineConfig, device: torch.device) -> None:
    """Check that there is something to move weights to.

    Raises:
        ConfigError: Weights are to be moved to a GPU, and the device is the CPU.
    """
    if config.offload != "none" and device.type == "cpu":
        raise ConfigError(
            f"offload = {config.offload!r} moves weights between main memory and a GPU, and the "
            "device is the CPU. Set offload = 'none', or device to a GPU."
        )


def place(pipe: Any, config: PipelineConfig, device: torch.device) -> None:
    """Switch on what saves memory, and move the pipeline to its device.

    Raises:
        ConfigError: The pipeline cannot do what is asked for.
    """
    if config.vae_slicing:
        _ask(pipe.vae, "enable_slicing", "vae_slicing")()
    if config.vae_tiling:
        _ask(pipe.vae, "enable_tiling", "vae_tiling")()
    if config.offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    elif config.offload == "sequential":
        pipe.enable_sequential_cpu_offload(device=device)
    elif config.offload == "group":
        # Leaves, not blocks: it works for every model, those of transformers included.
        _ask(pipe, "enable_group_offload", "offload = 'group'")(
            onload_device=device, offload_type="leaf_level", use_stream=device.type == "cuda"
        )
    else:
        pipe.to(device)


def _ask(owner: Any, method: str, option: str) -> Any:
    found = getattr(owner, method, None)
    if found is None:
        raise ConfigError(f"{option}: {type(owner).__name__} cannot do that. Leave the option out.")
    return found
