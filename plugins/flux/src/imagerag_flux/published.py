"""What is known of the published weights, as data."""

from __future__ import annotations

from collections.abc import Mapping

from imagerag_diffusers import Catalogue, Published

SCHNELL = "black-forest-labs/FLUX.1-schnell"
DEV = "black-forest-labs/FLUX.1-dev"
KONTEXT = "black-forest-labs/FLUX.1-Kontext-dev"
REDUX = "black-forest-labs/FLUX.1-Redux-dev"
KLEIN = "black-forest-labs/FLUX.2-klein-4B"

NON_COMMERCIAL = "FLUX.1-dev-Non-Commercial"

SIZES = (
    (1024, 1024),
    (1104, 944),
    (944, 1104),
    (1184, 880),
    (880, 1184),
    (1248, 832),
    (832, 1248),
    (1392, 752),
    (752, 1392),
)
"""About a megapixel each; a part of diffusers' list of sizes that Kontext was trained on
(PREFERRED_KONTEXT_RESOLUTIONS). Every multiple of 16 is painted."""

PEAK = 36.2
"""Peak of FLUX.1 [dev] at 1024×1024 in bfloat16 on an H100, with nothing offloaded: the table in
"Exploring Quantization Backends in Diffusers", Hugging Face, 21 May 2025. The weights alone take
31.4; schnell is the same network but for the embedding of the guidance, a thousandth of it."""

FLUX_1: Catalogue = {
    # Apache-2.0 and yet gated: since April 2025 the hub wants its conditions accepted.
    SCHNELL: Published(
        pipeline="FluxPipeline",
        licence="Apache-2.0",
        commercial=True,
        revision="741f7c3ce8b383c54771c7003378a50191e9efe9",
        sizes=SIZES,
        memory_gb=PEAK,
        gated=True,
    ),
    DEV: Published(
        pipeline="FluxPipeline",
        licence=NON_COMMERCIAL,
        commercial=False,
        revision="3de623fc3c33e44ffbe2bad470d0f45bccf2eb21",
        sizes=SIZES,
        memory_gb=PEAK,
        gated=True,
    ),
}

KONTEXT_1: Catalogue = {
    # As large as FLUX.1 [dev], with up to twice as many tokens: nobody published a peak.
    KONTEXT: Published(
        pipeline="FluxKontextPipeline",
        licence=NON_COMMERCIAL,
        commercial=False,
        revision="24e9dedc4ef646698dc8eb4e18ae2cec3c9fea0d",
        sizes=SIZES,
        gated=True,
    )
}

REDUX_1: Catalogue = {
    # Beside FLUX.1: SigLIP (0.9 GB in bfloat16) and two linear layers (0.1 GB).
    REDUX: Published(
        pipeline="FluxPriorReduxPipeline",
        licence=NON_COMMERCIAL,
        commercial=False,
        revision="1282f955f706b5240161278f2ef261d2a29ad649",
        gated=True,
    )
}

KLEIN_2: Catalogue = {
    KLEIN: Published(
        pipeline="Flux2KleinPipeline",
        licence="Apache-2.0",
        commercial=True,
        revision="e7b7dc27f91deacad38e78976d1f2b499d76a294",
        sizes=SIZES,
        # With nothing offloaded, on an RTX 4090 (smeltcore.com, 20 May 2026); the weights take 16.
        # The model card's "as little as 13GB" is with offload = "model".
        memory_gb=20.0,
    ),
    "black-forest-labs/FLUX.2-klein-base-4B": Published(
        pipeline="Flux2KleinPipeline",
        licence="Apache-2.0",
        commercial=True,
        revision="a3b4f4849157f664bdbc776fd7453c2783562f4d",
        sizes=SIZES,
    ),
    "black-forest-labs/FLUX.2-klein-9B": Published(
        pipeline="Flux2KleinPipeline",
        licence="FLUX-Non-Commercial",
        commercial=False,
        revision="92196c8e11f7b6cf2b7493e037d8c5345c559216",
        sizes=SIZES,
        gated=True,
    ),
}

ELSEWHERE: Mapping[str, str] = {
    "FluxPipeline": "flux",
    "FluxKontextPipeline": "flux-kontext",
    "Flux2KleinPipeline": "flux2-klein",
}
"""Which generator of this plugin runs a class of diffusers."""
