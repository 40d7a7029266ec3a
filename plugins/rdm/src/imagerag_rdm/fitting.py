"""Whether the parts of a loaded model fit each other, and what its configurations leave open."""

from __future__ import annotations

from typing import Any

from imagerag.errors import WeightsError
from imagerag_rdm.published import LATENT_SCALE


def check_parts(model: str, pipe: Any) -> None:
    """Check widths and channels that torch would only name as matrices that do not multiply.

    Raises:
        WeightsError: CLIP, U-Net, autoencoder or image processor do not fit each other.
    """
    gives, reads = pipe.clip.config.projection_dim, pipe.unet.config.cross_attention_dim
    if gives != reads:
        raise WeightsError(
            f"The CLIP of the model {model!r} gives embeddings of width {gives} (projection_dim), "
            f"but its U-Net attends to width {reads} (cross_attention_dim): 512 is ViT-B/32's, 768 "
            "ViT-L/14's. Put the CLIP that the model was trained with into its folder 'clip'."
        )
    latents, channels = pipe.vae.config.latent_channels, pipe.unet.config.in_channels
    if latents != channels:
        raise WeightsError(
            f"The autoencoder of the model {model!r} has latents of {latents} channels, but its "
            f"U-Net takes {channels}. Put the autoencoder that the model was trained with into its "
            "folder 'vae'."
        )
    side = pipe.clip.config.vision_config.image_size
    crop = pipe.feature_extractor.crop_size
    if (crop["height"], crop["width"]) != (side, side):
        raise WeightsError(
            f"The image processor of the model {model!r} cuts pictures to {crop['width']}×"
            f"{crop['height']}, but its CLIP reads {side}×{side}. Put the one that belongs to this "
            "CLIP into its folder 'feature_extractor'."
        )


def own_processor(found: Any) -> Any:
    """Return the same image processor by Pillow.

    The torchvision variant, which transformers prefers, rounds differently, so pictures would
    depend on whether that is installed.
    """
    from transformers import CLIPImageProcessorPil

    values = found.to_dict()
    return CLIPImageProcessorPil(**{k: v for k, v in values.items() if not k.endswith("_type")})


def latent_scale(configured: float | None, vae: Any) -> float:
    """Return what latents were multiplied by: as configured, as the model says, or as published."""
    if configured is not None:
        return configured
    # diffusers keeps a list of what it filled in where the file said nothing.
    if "scaling_factor" in vae.config.get("_use_default_values", ()):
        return LATENT_SCALE.get(type(vae).__name__, float(vae.config.scaling_factor))
    return float(vae.config.scaling_factor)
