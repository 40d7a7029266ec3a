"""What is known of published weights, as data: pinned commits, licences, sizes."""

from __future__ import annotations

from collections.abc import Mapping

from imagerag_diffusers import Catalogue, Published

SDXL_BASE = "stabilityai/stable-diffusion-xl-base-1.0"
IP_ADAPTER = "h94/IP-Adapter"

REVISIONS: Mapping[str, str] = {
    SDXL_BASE: "462165984030d82259a11f4367a4eed129e94a7b",
    IP_ADAPTER: "018e402774aeeddd60609b4ecdb7e298259dc729",
}
"""The commit that a hub id means where the configuration names none. Others must be named."""

CATALOGUE: Catalogue = {
    SDXL_BASE: Published(
        pipeline="StableDiffusionXLPipeline",
        licence="openrail++",
        commercial=True,
        revision=REVISIONS[SDXL_BASE],
        # Those of one megapixel among the training sizes of arXiv 2307.01952, appendix I.
        sizes=(
            (1024, 1024),
            (1152, 896),
            (896, 1152),
            (1216, 832),
            (832, 1216),
            (1344, 768),
            (768, 1344),
            (1536, 640),
            (640, 1536),
        ),
    )
}

ADAPTER_LICENCES: Mapping[str, tuple[str, bool]] = {IP_ADAPTER: ("Apache-2.0", True)}
"""The licence of published adapters, and whether it allows commercial use."""

ENCODER_WIDTHS: Mapping[tuple[str, int], str] = {
    ("hidden states", 1280): "ViT-H, published as models/image_encoder",
    ("projection", 1024): "ViT-H, published as models/image_encoder",
    ("hidden states", 1664): "ViT-bigG, published as sdxl_models/image_encoder",
    ("projection", 1280): "ViT-bigG, published as sdxl_models/image_encoder",
}
"""Which published encoder has an output of this width. 1280 occurs twice: a classic trap."""


def adapter_revision(name: str, configured: str | None) -> str | None:
    """Return the configured revision of an adapter, else the pinned one, else None."""
    return configured or REVISIONS.get(name.removeprefix("hf-hub:"))


def joint_licence(
    licence: str | None, commercial: bool | None, adapter: str
) -> tuple[str | None, bool | None]:
    """Return licence and commercial use of a base model together with an adapter.

    Where one of the two is unknown, so is whether both may be used commercially; unless the other
    already forbids it.
    """
    theirs, allowed = ADAPTER_LICENCES.get(adapter.removeprefix("hf-hub:"), (None, None))
    both = {commercial, allowed}
    together = False if False in both else None if None in both else True
    if licence is None:
        return None, together
    names = dict.fromkeys([licence, theirs or "the adapter's own, unknown"])
    return " and ".join(names), together
