"""Notices pictures that are not numbers, which libraries would paint black without a word.

Half precision overflows in some autoencoders (that of SDXL 1.0 in float16 is the known one), and
some schedulers divide by zero at few steps. The values then become NaN, and NaN becomes black.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from imagerag.errors import CapabilityError

if TYPE_CHECKING:
    from imagerag_diffusers.config import PipelineConfig


@contextmanager
def finite_pictures(pipe: Any, config: PipelineConfig) -> Iterator[None]:
    """Look at what calls of `pipe` inside this block have decoded, before it becomes pictures.

    It is looked at where every pipeline passes, `pipe.image_processor.postprocess`; a pipeline
    without one is left alone. Afterwards the pipeline is as it was.

    Raises:
        CapabilityError: A value is NaN or infinite; the message names the options that help.
    """
    processor = getattr(pipe, "image_processor", None)
    if processor is None:
        yield
        return
    original = processor.postprocess

    @functools.wraps(original)
    def postprocess(image: Any, *given: Any, **named: Any) -> Any:
        if not bool(image.isfinite().all()):
            raise CapabilityError(_told(config))
        return original(image, *given, **named)

    processor.postprocess = postprocess
    try:
        yield
    finally:
        del processor.postprocess


def _told(config: PipelineConfig) -> str:
    half = config.dtype in {"auto", "float16", "fp16"}
    advice = ["dtype = 'bfloat16'", "dtype = 'float32'"] if half else []
    if getattr(config, "scheduler", None) is not None:
        advice.append("another scheduler")
    advice.append("more steps")
    return (
        f"{config.model!r} painted values that are no numbers (NaN or infinite), which would show "
        f"as black. Set one of these in [generator]: {'; '.join(advice)}."
    )
