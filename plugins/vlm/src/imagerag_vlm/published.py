"""What is known of published weights, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

QWEN = "Qwen/Qwen2.5-VL-7B-Instruct"
QWEN_CLASS = "Qwen2_5_VLForConditionalGeneration"


@dataclass(frozen=True)
class Published:
    """What the owner of weights says of them.

    `implementation` is the class of transformers that runs them, `revision` the commit that the hub
    id means where the configuration names none (None: the configuration must). No memory is given:
    nobody is known to have measured this loop's.
    """

    implementation: str
    licence: str
    commercial: bool
    revision: str | None = None


CATALOGUE: Mapping[str, Published] = {
    # 8.29 billion parameters, 16.6 GB in bfloat16.
    QWEN: Published(QWEN_CLASS, "Apache-2.0", True, "cc594898137f460bfe9f0759e9844b3ce807cfb5"),
    # The smaller one is for research only, which the one above is not.
    "Qwen/Qwen2.5-VL-3B-Instruct": Published(
        QWEN_CLASS, "Qwen-Research", False, "66285546d2b821cf421d4f5eb2576359d3770cd3"
    ),
}


def known(model: str) -> Published | None:
    """Return what is known of `model`, which may carry the prefix "hf-hub:"."""
    return CATALOGUE.get(model.removeprefix("hf-hub:"))
