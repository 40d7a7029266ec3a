"""For tests: tiny FLUX models of the very classes, in the layout that their owners publish.

Weights are random; all that does not make a model large is as published: schedulers, scales of the
autoencoders, patches, the layers of the text encoder that klein reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

WIDTH = 16
"""Of texts and of the words that Redux makes of images."""

GAIN = 3.0
"""How much larger the transformers' weights are than their classes make them. With 1 so small a
model is all but blind: another reference then changes a picture by a hundredth of 255."""


def save_flux(folder: Path, *, guidance: bool = False, seed: int = 0) -> Path:
    """Save a tiny `FluxPipeline` in `folder`, and return that.

    Args:
        folder: Where to; it is made.
        guidance: Whether it is told a guidance, as dev is and schnell is not.
        seed: Equal seeds give equal weights.
    """
    return _saved(folder, "FluxPipeline", seed, lambda: _flux_1(guidance))


def save_kontext(folder: Path, seed: int = 0) -> Path:
    """Save a tiny `FluxKontextPipeline` in `folder`, and return that."""
    return _saved(folder, "FluxKontextPipeline", seed, lambda: _flux_1(guidance=True))


def save_redux(folder: Path, seed: int = 0, width: int = WIDTH) -> Path:
    """Save a tiny `FluxPriorReduxPipeline` in `folder`, without text encoders, and return that."""
    return _saved(folder, "FluxPriorReduxPipeline", seed, lambda: _redux(width))


def save_klein(folder: Path, seed: int = 0) -> Path:
    """Save a tiny `Flux2KleinPipeline` in `folder`, and return that."""
    return _saved(folder, "Flux2KleinPipeline", seed, _klein)


def _saved(folder: Path, pipeline: str, seed: int, parts: Any) -> Path:
    import torch

    from imagerag_torch import guard_torchvision, seeded

    guard_torchvision()
    import diffusers

    from imagerag_diffusers.quiet import quiet

    with quiet(), seeded(seed), torch.no_grad():
        getattr(diffusers, pipeline)(**parts()).save_pretrained(folder)
    return Path(folder)


def _flux_1(guidance: bool) -> dict[str, Any]:
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel

    from imagerag_diffusers.testing import (
        autoencoder,
        clip_text_encoder,
        clip_tokenizer,
        t5_encoder,
        t5_tokenizer,
    )

    short, long = clip_tokenizer(), t5_tokenizer()
    return {
        "tokenizer": short,
        "text_encoder": clip_text_encoder(short, WIDTH),
        "tokenizer_2": long,
        "text_encoder_2": t5_encoder(long, WIDTH),
        "vae": autoencoder(
            scaling_factor=0.3611,
            shift_factor=0.1159,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ),
        "transformer": _louder(
            FluxTransformer2DModel(
                in_channels=16,
                num_layers=1,
                num_single_layers=1,
                attention_head_dim=16,
                num_attention_heads=2,
                joint_attention_dim=WIDTH,
                pooled_projection_dim=WIDTH,
                axes_dims_rope=(4, 6, 6),
                guidance_embeds=guidance,
            )
        ),
        "scheduler": FlowMatchEulerDiscreteScheduler(
            shift=3.0 if guidance else 1.0, use_dynamic_shifting=guidance
        ),
    }


def _redux(width: int) -> dict[str, Any]:
    from diffusers.pipelines.flux.modeling_flux import ReduxImageEncoder
    from transformers import SiglipImageProcessor, SiglipVisionConfig, SiglipVisionModel

    config = SiglipVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
    )
    return {
        "image_encoder": _louder(SiglipVisionModel(config)),
        "feature_extractor": SiglipImageProcessor(size={"height": 32, "width": 32}),
        "image_embedder": ReduxImageEncoder(redux_dim=WIDTH, txt_in_features=width).eval(),
    }


def _klein() -> dict[str, Any]:
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux2Transformer2DModel,
    )
    from transformers import Qwen3Config, Qwen3ForCausalLM

    from imagerag_diffusers.testing.qwen_tokenizer import qwen_tokenizer

    tokenizer = qwen_tokenizer()
    reader = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        num_hidden_layers=28,  # layers 9, 18 and 27 are read
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=1024,
    )
    return {
        "tokenizer": tokenizer,
        "text_encoder": Qwen3ForCausalLM(reader).eval(),
        "vae": _louder(
            AutoencoderKLFlux2(
                block_out_channels=(8, 8, 16, 16),
                layers_per_block=1,
                latent_channels=4,
                norm_num_groups=4,
                sample_size=64,
            )
        ),
        "transformer": _louder(
            Flux2Transformer2DModel(
                in_channels=16,
                num_layers=1,
                num_single_layers=1,
                attention_head_dim=16,
                num_attention_heads=2,
                joint_attention_dim=3 * WIDTH,
                timestep_guidance_channels=32,
                axes_dims_rope=(4, 4, 4, 4),
                guidance_embeds=False,
            )
        ),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        "is_distilled": True,
    }


def _louder(model: Any) -> Any:
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.mul_(GAIN)
    return model.eval()
