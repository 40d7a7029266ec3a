"""The conditioner "qwen-image": references by number, in the model's own words for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imagerag_diffusers.numbered import Group, NumberedConditioner

if TYPE_CHECKING:
    from imagerag_qwen_image.config import QwenImageConditionerConfig


class QwenImageConditioner(NumberedConditioner):
    """Writes "Picture 1 shows {caption}, Picture 2 shows {caption}. Generate {prompt}"."""

    name = "qwen-image"

    config: QwenImageConditionerConfig

    def _worded(self, prompt: str, groups: Sequence[Group], syntax: str) -> str:
        """Return the text with a clause for each image, so that "shows" is right for all."""
        single = [Group(group.caption, (each,)) for group in groups for each in group.references]
        return super()._worded(prompt, single, syntax)
