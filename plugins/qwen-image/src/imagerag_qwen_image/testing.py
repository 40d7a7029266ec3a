"""For tests: a tiny Qwen-Image-Edit of the very classes, in the layout that its owners publish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WIDTH = 16
"""Of texts; the published text encoder has 3584."""

GAIN = 3.0
"""How much larger the weights are than the classes make them. With 1 so small a model is all but
blind: another reference then changes a picture by 0.002 of 255."""


def save_tiny(folder: Path, seed: int = 0, *, of_2511: bool = False) -> Path:
    """Save a tiny `QwenImageEditPlusPipeline` with random weights in `folder`, and return that.

    All that does not make the published model large is as there: the scheduler's options, the
    scale and the channels of the autoencoder, patches, the pixels that a token covers. A token of
    text is a byte, so every word counts.

    Args:
        folder: Where to; it is made.
        seed: Equal seeds give equal weights.
        of_2511: With the switch of the 2511 model, whose references have a time of their own.
    """
    import torch

    from imagerag_torch import guard_torchvision, seeded

    guard_torchvision()
    from diffusers import FlowMatchEulerDiscreteScheduler, QwenImageEditPlusPipeline

    from imagerag_diffusers.quiet import quiet
    from imagerag_diffusers.testing.qwen_tokenizer import qwen_tokenizer

    with quiet(), seeded(seed), torch.no_grad():
        words = qwen_tokenizer(8192)
        QwenImageEditPlusPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(
                base_shift=0.5,
                max_shift=0.9,
                max_image_seq_len=8192,
                shift_terminal=0.02,
                use_dynamic_shifting=True,
            ),
            vae=_louder(_autoencoder()),
            text_encoder=_louder(_text_encoder(words)),
            tokenizer=words,
            processor=_processor(words),
            transformer=_louder(_transformer(of_2511)),
        ).save_pretrained(folder)
    return Path(folder)


def _autoencoder() -> Any:
    from diffusers import AutoencoderKLQwenImage

    return AutoencoderKLQwenImage(base_dim=8, dim_mult=[1, 1, 1, 1], num_res_blocks=1)


def _transformer(of_2511: bool) -> Any:
    from diffusers import QwenImageTransformer2DModel

    return QwenImageTransformer2DModel(
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        axes_dims_rope=(4, 6, 6),
        zero_cond_t=of_2511,
    )


def _text_encoder(words: Any) -> Any:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    def number(word: str) -> int:
        return int(words.convert_tokens_to_ids(word))

    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(words),
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1000000.0,
                "mrope_section": [1, 1, 2],
            },
        },
        vision_config={
            "depth": 2,
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "num_heads": 2,
            "out_hidden_size": WIDTH,
            "fullatt_block_indexes": [1],
        },
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
    )
    return Qwen2_5_VLForConditionalGeneration(config)


def _processor(words: Any) -> Any:
    from transformers import Qwen2VLImageProcessor, Qwen2VLProcessor, Qwen2VLVideoProcessor

    return Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(),
        tokenizer=words,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=words.chat_template,
    )


def _louder(model: Any) -> Any:
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.mul_(GAIN)
    return model.eval()
