"""One call of a loaded pipeline, which is left in order however the call ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagerag.errors import CapabilityError
from imagerag_diffusers.exhaustion import memory_for
from imagerag_diffusers.finite import finite_pictures
from imagerag_diffusers.quiet import quiet
from imagerag_diffusers.steps import after_each_step

if TYPE_CHECKING:
    import torch

    from imagerag_diffusers.config import PipelineConfig


@dataclass(frozen=True)
class Loaded:
    """A pipeline on its device, and what it needs to be left in order after an interruption."""

    pipe: Any
    vae_dtype: torch.dtype | None

    @classmethod
    def of(cls, pipe: Any) -> Loaded:
        """Note how a pipeline is before its first call."""
        vae = getattr(pipe, "vae", None)
        return cls(pipe, None if vae is None else vae.dtype)


@contextmanager
def call_of(
    loaded: Loaded,
    config: PipelineConfig,
    doing: str,
    report: Callable[[int, int], None],
    seed: int | None = None,
) -> Iterator[Any]:
    """Give the pipeline for one call, with everything around it that a call needs.

    Inside the block every denoising step is reported, the libraries print nothing, and an exception
    (Ctrl-C, or one from `report`) leaves the pipeline usable. Preparing references belongs inside
    too: it moves weights where they are offloaded.

    Args:
        loaded: The pipeline.
        config: The generator's options, for advice where memory runs out.
        doing: What is being done, for instance "painting 1024×1024".
        report: Called with the steps done and planned.
        seed: For pipelines that draw from torch's global generator: what to seed it with.

    Raises:
        CapabilityError: Memory ran out, or what was painted is no numbers.
    """
    from imagerag_torch import seeded

    pipe = loaded.pipe
    with ExitStack() as stack:
        stack.enter_context(quiet())
        stack.enter_context(memory_for(doing, config, CapabilityError))
        if seed is not None:
            stack.enter_context(seeded(seed))
        stack.enter_context(after_each_step(pipe, report))
        stack.enter_context(finite_pictures(pipe, config))
        try:
            yield pipe
        except BaseException:
            # The pipeline ends a call by these two itself, but not one that was broken off.
            if loaded.vae_dtype is not None and pipe.vae.dtype != loaded.vae_dtype:
                pipe.vae.to(dtype=loaded.vae_dtype)
            pipe.maybe_free_model_hooks()
            raise
