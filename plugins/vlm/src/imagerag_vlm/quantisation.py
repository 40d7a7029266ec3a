"""Holds the language model in 8 or 4 bits while it loads."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from imagerag.errors import ConfigError
from imagerag_vlm.config import Quantisation

if TYPE_CHECKING:
    import torch

LIBRARIES = {"bitsandbytes": "bitsandbytes", "torchao": "torchao", "quanto": "optimum-quanto"}
"""What to install for each backend. The last two compute on a CPU as well."""

MODULES = {"bitsandbytes": "bitsandbytes", "torchao": "torchao", "quanto": "optimum.quanto"}

WHOLE = ["lm_head", r".*\bvisual\b.*", r".*\bvision_(tower|model)\b.*"]
"""What stays as it is, as patterns of module names: the eyes, which are small and lose most, and
the last layer, which transformers leaves alone by default."""


def quantisation_config(
    wanted: Quantisation, device: torch.device, dtype: torch.dtype
) -> dict[str, Any]:
    """Return what to pass to `from_pretrained`: nothing, or a `quantization_config`.

    Args:
        wanted: The option's value, "BACKEND-BITS" or "none".
        device: Where the model will run.
        dtype: In what it computes.

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
    return {"quantization_config": _configuration(backend, bits, dtype)}


def quantising_library(wanted: Quantisation) -> tuple[str, ...]:
    """Return the distribution that does it, whose version decides answers; none for "none"."""
    backend = wanted.partition("-")[0]
    return (LIBRARIES[backend],) if backend in LIBRARIES else ()


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is not there
        return False


def _configuration(backend: str, bits: str, dtype: torch.dtype) -> Any:
    import transformers

    if backend == "bitsandbytes":
        if bits == "8bit":
            return transformers.BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=WHOLE)
        return transformers.BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=dtype,
            llm_int8_skip_modules=WHOLE,
        )
    if backend == "torchao":
        kinds = importlib.import_module("torchao.quantization")
        return transformers.TorchAoConfig(
            kinds.Int8WeightOnlyConfig(), modules_to_not_convert=WHOLE
        )
    return transformers.QuantoConfig(weights=bits, modules_to_not_convert=WHOLE)
