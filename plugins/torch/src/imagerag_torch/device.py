"""Which device a model runs on, and in which number format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagerag.errors import ConfigError, suggestion

if TYPE_CHECKING:
    import torch

DTYPES = {
    "float32": "float32",
    "fp32": "float32",
    "float16": "float16",
    "fp16": "float16",
    "half": "float16",
    "bfloat16": "bfloat16",
    "bf16": "bfloat16",
}
"""Names a configuration may use, and torch's own."""


def choose_device(text: str = "auto") -> torch.device:
    """Return the torch device that `text` names, once it is known to be there.

    Args:
        text: "auto" (CUDA, else Apple's MPS, else the CPU), "cpu", "mps", "cuda" or "cuda:1".

    Raises:
        ConfigError: No such device is known, or this machine or this torch does not have it.
    """
    import torch

    name = text.strip().lower()
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind not in {"cpu", "cuda", "mps"} or (number and not number.isdecimal()):
        raise ConfigError(
            f"The device {text!r} is not one of 'auto', 'cpu', 'mps', 'cuda', 'cuda:N'."
            f"{suggestion(kind, ('auto', 'cpu', 'mps', 'cuda'))}"
        )
    if kind == "cuda":
        _require_cuda(text, int(number or 0))
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ConfigError(
            f"The device {text!r} is not available: it needs macOS on Apple silicon. "
            "Set device = 'auto' to take the best there is."
        )
    return torch.device(name)


def _require_cuda(text: str, number: int) -> None:
    import torch

    if not torch.cuda.is_available():
        why = (
            "no NVIDIA driver or GPU was found"
            if torch.version.cuda
            else f"torch {torch.__version__} was built without CUDA"
        )
        raise ConfigError(
            f"The device {text!r} is not available: {why}. "
            "Set device = 'auto' to take the best there is, or run `imagerag doctor`."
        )
    if number >= torch.cuda.device_count():
        raise ConfigError(
            f"The device {text!r} is not available: there are {torch.cuda.device_count()} GPUs, "
            "counted from 0."
        )


def choose_dtype(text: str, device: torch.device) -> torch.dtype:
    """Return the number format that `text` names.

    "auto" is float16 on CUDA and MPS, and float32 on the CPU, where half precision is emulated:
    a bfloat16 matrix product was measured 50 times slower than a float32 one.

    Args:
        text: "auto", or a key of `DTYPES`.
        device: Where the model will run.

    Raises:
        ConfigError: No such format is known.
    """
    import torch

    name = text.strip().lower()
    if name == "auto":
        return torch.float32 if device.type == "cpu" else torch.float16
    if name not in DTYPES:
        known = ("auto", *DTYPES)
        raise ConfigError(
            f"The dtype {text!r} is not one of {', '.join(map(repr, known))}."
            f"{suggestion(name, known)}"
        )
    dtype = getattr(torch, DTYPES[name])
    assert isinstance(dtype, torch.dtype)
    return dtype
