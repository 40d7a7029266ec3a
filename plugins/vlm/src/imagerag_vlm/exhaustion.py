"""Says what to do where memory ran out."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from imagerag.errors import ImageRAGError
from imagerag_vlm.config import VLMConfig

SIGNS = ("out of memory", "can't allocate memory", "not enough memory")
"""How torch words it where it raises a plain RuntimeError: on MPS and on the CPU."""


@contextmanager
def memory_for(doing: str, config: VLMConfig, kind: type[ImageRAGError]) -> Iterator[None]:
    """Turn torch's errors about memory into `kind`, with the options that need less of it.

    Args:
        doing: What is being done, for instance "loading 'Qwen/Qwen2.5-VL-7B-Instruct'".
        config: The critic's options: what they already save is not proposed again.
        kind: `WeightsError` while loading, `CapabilityError` while answering.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        first = str(error).strip().splitlines()[0][:160] if str(error).strip() else "no details"
        raise kind(
            f"Memory ran out while {doing} ({first}). These need less: {_advice(config)}."
        ) from error


def ran_out(error: BaseException) -> bool:
    """Return whether an error says that memory ran out."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


def free_memory() -> None:
    """Give what nothing holds any more back to the GPU."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _advice(config: VLMConfig) -> str:
    found = []
    if config.quantisation == "none":
        found.append("quantisation = 'bitsandbytes-4bit' (on an NVIDIA GPU) or 'quanto-int8'")
        if config.offload == "none":
            found.append("offload = 'between', while a generator shares the GPU")
    elif config.quantisation.endswith(("8bit", "int8")):
        found.append("quantisation = 'bitsandbytes-4bit' (on an NVIDIA GPU) or 'quanto-int4'")
    if config.dtype in {"float32", "fp32"}:
        found.append("dtype = 'bfloat16' (on a GPU)")
    found.append(f"a smaller image_size than {config.image_size}")
    found.append("a smaller model")
    return "; ".join(found)
