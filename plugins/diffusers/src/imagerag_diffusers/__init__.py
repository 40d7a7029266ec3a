"""What the generators that run a diffusers pipeline share: loading, batches, steps, memory.

Importing this package imports neither torch nor diffusers; each function imports what it needs when
it is called.
"""

from imagerag_diffusers.batching import Call, calls
from imagerag_diffusers.config import NegativePromptConfig, PipelineConfig, SchedulerConfig, Size
from imagerag_diffusers.generator import PipelineGenerator
from imagerag_diffusers.published import Catalogue, Published, known, revision_of
from imagerag_diffusers.request import Request, check_options, check_references, check_size

__all__ = [
    "Call",
    "Catalogue",
    "NegativePromptConfig",
    "PipelineConfig",
    "PipelineGenerator",
    "Published",
    "Request",
    "SchedulerConfig",
    "Size",
    "calls",
    "check_options",
    "check_references",
    "check_size",
    "known",
    "revision_of",
]
