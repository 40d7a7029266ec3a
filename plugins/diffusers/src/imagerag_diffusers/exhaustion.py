"""Says what to do where memory or disk space ran out."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imagerag.errors import CapabilityError, ImageRAGError, WeightsError

if TYPE_CHECKING:
    from imagerag_diffusers.config import PipelineConfig

SIGNS = ("out of memory", "can't allocate memory", "not enough memory")
"""How torch words it where it raises a plain RuntimeError: on MPS and on the CPU."""


@contextmanager
def memory_for(doing: str, config: PipelineConfig, kind: type[ImageRAGError]) -> Iterator[None]:
    """Turn torch's errors about memory into `kind`, with the options that need less of it.

    Args:
        doing: What is being done, for instance "painting 1024×1024".
        config: The generator's options: what they already save is not proposed again.
        kind: `WeightsError` while loading, `CapabilityError` while painting.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else "no details"
        raise kind(
            f"Memory ran out while {doing} ({first_line[:160]}). {_advice(config, kind)}"
        ) from error


def ran_out(error: BaseException) -> bool:
    """Return whether an error says that memory ran out."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


@contextmanager
def disk_space(model: str) -> Iterator[None]:
    """Say so where weights could not be fetched because the disk is full.

    Raises:
        WeightsError: The disk is full.
    """
    try:
        yield
    except (WeightsError, OSError) as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, OSError) and cause.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise WeightsError(
                    f"The disk is full: the model {model!r} could not be stored. Free some space, "
                    "or set HF_HOME to a folder on a larger disk; what was fetched is kept, and "
                    "the rest is fetched next time."
                ) from error
            cause = cause.__cause__
        raise


def _advice(config: PipelineConfig, kind: type[ImageRAGError]) -> str:
    """Return what needs less: options that are not in use yet, and that the generator accepts."""
    painting = issubclass(kind, CapabilityError)
    offload = "model" if config.offload == "none" else "sequential"
    found = []
    if painting and config.batch_size > 1:
        found.append("batch_size = 1")
    if config.dtype in {"float32", "fp32"}:
        found.append("dtype = 'bfloat16' (on a GPU)")
    if config.offload != offload and _accepts(config, offload=offload):
        found.append(f"offload = {offload!r} (on a GPU)")
    if config.quantisation == "none" and _accepts(config, quantisation="bitsandbytes-4bit"):
        found.append("quantisation = 'bitsandbytes-4bit' (on a GPU)")
    if painting:
        found.append("a smaller size")
        if not config.vae_tiling:
            found.append("vae_tiling = true")
    return f"These need less: {'; '.join(found)}." if found else "A larger device is needed."


def _accepts(config: PipelineConfig, **change: str) -> bool:
    try:
        type(config).model_validate({**config.model_dump(), **change})
    except ValueError:
        return False
    return True
