"""Holds the large models of a pipeline in 8 or 4 bits while it loads."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imagerag.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from imagerag_diffusers.config import Quantisation

LIBRARIES = {"bitsandbytes": "bitsandbytes", "torchao": "torchao", "quanto": "optimum-quanto"}
"""What to install for each backend. The last two compute on a CPU as well."""

MODULES = {"bitsandbytes": "bitsandbytes", "torchao": "torchao", "quanto": "optimum.quanto"}


def quantisation_config(
    wanted: Quantisation, components: Mapping[str, str], device: torch.device, dtype: torch.dtype
) -> dict[str, Any]:
    """Return what to pass to `from_pretrained`: nothing, or a `quantization_config`.

    Args:
        wanted: An option's value, "BACKEND-BITS" or "none".
        components: The library of each component with weights. The autoencoder is left as it is:
            it is small, and what it loses is seen in every pixel.
        device: Where the pipeline will run.
        dtype: In what the quantised models compute.

    Raises:
        ConfigError: The library is not installed, or the device is not one it computes on.
    """
    if wanted == "none":
        return {}
    backend, _, bits = wanted.partition("-")
    if backend == "bitsandbytes" and device.type != "cuda":
        raise ConfigError(
            f"quantisation = {wanted!r} needs an NVIDIA GPU, and the device is {device.type!r}. "
            "Set quantisation = 'none' or 'quanto-int8', or device to a GPU."
        )
    if not _installed(MODULES[backend]):
        raise ConfigError(
            f"quantisation = {wanted!r} needs a library that is not installed: "
            f"pip install {LIBRARIES[backend]}"
        )
    from diffusers import PipelineQuantizationConfig

    mapping = {
        name: _for_one(backend, bits, dtype, library)
        for name, library in components.items()
        if not name.startswith("vae")
    }
    return {"quantization_config": PipelineQuantizationConfig(quant_mapping=mapping)}


def quantising_library(wanted: Quantisation) -> tuple[str, ...]:
    """Return the distribution that does it, whose version decides the picture; none for "none"."""
    backend = wanted.partition("-")[0]
    return (LIBRARIES[backend],) if backend in LIBRARIES else ()


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is not there
        return False


def _for_one(backend: str, bits: str, dtype: torch.dtype, library: str) -> Any:
    """Return the configuration of one component; diffusers and transformers have each their own."""
    owner = importlib.import_module("transformers" if library == "transformers" else "diffusers")
    if backend == "bitsandbytes":
        if bits == "8bit":
            return owner.BitsAndBytesConfig(load_in_8bit=True)
        return owner.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
        )
    if backend == "torchao":
        kinds = importlib.import_module("torchao.quantization")
        return owner.TorchAoConfig(kinds.Int8WeightOnlyConfig())
    if library == "transformers":
        return owner.QuantoConfig(weights=bits)
    return owner.QuantoConfig(weights_dtype=bits)
