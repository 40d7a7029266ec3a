"""For tests of generators: tiny parts of the very classes, pictures, measures, and shared rules.

The parts have random weights from the global generator of torch (seed it first) and are small
enough that a picture takes a tenth of a second. Built together into a pipeline and saved, they lie
in the layout that the owners of real weights publish.
"""

from imagerag_diffusers.testing.generators import Maker, Progress, StoppedError
from imagerag_diffusers.testing.pictures import difference, references, two_tone
from imagerag_diffusers.testing.pixart import save_pixart
from imagerag_diffusers.testing.text_models import (
    clip_text_encoder,
    clip_tokenizer,
    t5_encoder,
    t5_tokenizer,
)
from imagerag_diffusers.testing.vision_models import autoencoder

__all__ = [
    "Maker",
    "Progress",
    "StoppedError",
    "autoencoder",
    "clip_text_encoder",
    "clip_tokenizer",
    "difference",
    "references",
    "save_pixart",
    "t5_encoder",
    "t5_tokenizer",
    "two_tone",
]
