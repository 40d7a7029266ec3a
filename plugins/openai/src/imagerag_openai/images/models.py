"""What is known of OpenAI's image models: which there are no more, and which sizes they paint.

Facts are those of the documentation inside openai 3.57 (`images.generate` and `images.edit`).
"""

from __future__ import annotations

from collections.abc import Mapping

from imagerag.errors import CapabilityError

MODEL = "gpt-image-2.5-sunburst-2026-09-08"
"""The newest dated model that OpenAI recommends for careful work with references."""

RETIRED: Mapping[str, str] = {
    "gpt-image-1": "2026-10-23",
    "dall-e-2": "2026-05-12",
    "dall-e-3": "2026-05-12",
}
"""Models that OpenAI has shut down, and when."""

MAX_REFERENCES = 16
MAX_PROMPT = 32_000
"""Characters."""
MAX_FILE = 50_000_000
"""Bytes that one picture of a request must stay below."""

STANDARD_SIZES = ((1024, 1024), (1536, 1024), (1024, 1536))
"""Width and height that every GPT image model paints."""

_FIXED = ("gpt-image-1.5", "gpt-image-1-mini")
_FREE = ("gpt-image-2",)

STEP = 16
LONGEST = 3840
MOST_PIXELS = 3840 * 2160
STEEPEST = 3


def check_size(model: str, width: int, height: int) -> None:
    """Check that a model paints a size, as far as that is known.

    Raises:
        CapabilityError: It does not; the message names a size that it does paint.
    """
    told = f"{width}×{height} cannot be painted by {model!r}"
    if model.startswith(_FIXED):
        if (width, height) not in STANDARD_SIZES:
            sizes = ", ".join(f"{w}×{h}" for w, h in STANDARD_SIZES)
            raise CapabilityError(f"{told}: it paints {sizes}.")
    elif model.startswith(_FREE):
        if width % STEP or height % STEP:
            near = "×".join(str(max(STEP, round(side / STEP) * STEP)) for side in (width, height))
            raise CapabilityError(
                f"{told}: width and height must be multiples of {STEP}, for instance {near}."
            )
        if max(width, height) > STEEPEST * min(width, height):
            raise CapabilityError(f"{told}: no side may be more than {STEEPEST} times the other.")
        if max(width, height) > LONGEST or width * height > MOST_PIXELS:
            raise CapabilityError(f"{told}: the largest pictures are 3840×2160 and 2160×3840.")
