"""What is known of the published weights, as data."""

from __future__ import annotations

from imagerag_diffusers import Catalogue, Published

ALPHA = "PixArt-alpha/PixArt-XL-2-1024-MS"
SIGMA = "PixArt-alpha/PixArt-Sigma-XL-2-1024-MS"

SIZES = (
    (1024, 1024),
    (1152, 896),
    (896, 1152),
    (1216, 832),
    (832, 1216),
    (1344, 768),
    (768, 1344),
    (1536, 640),
    (640, 1536),
)
"""Those of the training sizes that SDXL shares (diffusers' ASPECT_RATIO_1024_BIN, and 1216×832)."""

CATALOGUE: Catalogue = {
    ALPHA: Published(
        pipeline="PixArtAlphaPipeline",
        licence="openrail++",
        commercial=True,
        revision="b89adadeccd9ead2adcb9fa2825d3fabec48d404",
        sizes=SIZES,
    ),
    SIGMA: Published(
        pipeline="PixArtSigmaPipeline",
        licence="openrail++",
        commercial=True,
        revision="e102b3591cc82e97071b8b4cb90d834d0c487207",
        sizes=SIZES,
    ),
}
