"""What is known of the published weights, as data."""

from __future__ import annotations

from imagerag_diffusers import Catalogue, Published

EDIT_2509 = "Qwen/Qwen-Image-Edit-2509"
EDIT_2511 = "Qwen/Qwen-Image-Edit-2511"

SIZES = (
    (1024, 1024),
    (1184, 896),
    (896, 1184),
    (1248, 832),
    (832, 1248),
    (1376, 768),
    (768, 1376),
)
"""What the pipeline paints for references of the proportions 1:1, 4:3, 3:2 and 16:9
(`calculate_dimensions`): about a megapixel. Every multiple of 16 is painted."""

CATALOGUE: Catalogue = {
    # The weights are 57.7 GB in bfloat16; nobody published what inference peaks at.
    EDIT_2509: Published(
        pipeline="QwenImageEditPlusPipeline",
        licence="Apache-2.0",
        commercial=True,
        revision="d3968ef930e841f4c73640fb8afa3b306a78167e",
        sizes=SIZES,
    ),
    EDIT_2511: Published(
        pipeline="QwenImageEditPlusPipeline",
        licence="Apache-2.0",
        commercial=True,
        revision="6f3ccc0b56e431dc6a0c2b2039706d7d26f22cb9",
        sizes=SIZES,
    ),
}
