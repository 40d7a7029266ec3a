"""For tests: a tiny OmniGen of the very classes, in the layout that its owners publish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

HIDDEN, HEADS = 32, 4
"""Width and attention heads of the tiny transformer; the published one has 3072 and 32."""

GAIN = 4.0
"""How much larger its weights are than the class makes them. With 1 so small a model is all but
blind: another reference then changes a picture by 0.005 of 255."""


def save_tiny(folder: Path, seed: int = 0) -> Path:
    """Save a tiny `OmniGenPipeline` with random weights in `folder`, and return that.

    Transformer, autoencoder, scheduler and tokenizer are of the published model's classes, and all
    that does not make it large is as there: the scheduler's options, the autoencoder's scale, the
    number of blocks, the tokenizer's first token. A token is a character, so every word counts.

    Args:
        folder: Where to; it is made.
        seed: Equal seeds give equal weights.
    """
    import torch

    from imagerag_torch import guard_torchvision, seeded

    guard_torchvision()
    from diffusers import FlowMatchEulerDiscreteScheduler, OmniGenPipeline

    from imagerag_diffusers.testing import autoencoder

    with seeded(seed), torch.no_grad():
        words = tokenizer()
        pipe = OmniGenPipeline(
            transformer=_transformer(len(words)),
            scheduler=FlowMatchEulerDiscreteScheduler(
                num_train_timesteps=1, shift=1.0, invert_sigmas=True
            ),
            vae=autoencoder(scaling_factor=0.13025),
            tokenizer=words,
        )
        pipe.save_pretrained(folder)
    return Path(folder)


def tokenizer() -> Any:
    """Return a `LlamaTokenizer` whose tokens are characters, bytes, and the model's own turns."""
    from transformers import LlamaTokenizer

    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    words += ["▁", *(chr(code) for code in range(33, 127))]
    return LlamaTokenizer(
        vocab={word: number for number, word in enumerate(words)},
        merges=[],
        pad_token="</s>",  # noqa: S106 - a word of the vocabulary, not a secret
        add_bos_token=True,
        model_max_length=131072,
        additional_special_tokens=["<|user|>", "<|end|>", "<|assistant|>"],
    )


def _transformer(vocabulary: int) -> Any:
    from diffusers import OmniGenTransformer2DModel

    rotations = [1.0] * (HIDDEN // HEADS // 2)
    model = OmniGenTransformer2DModel(
        hidden_size=HIDDEN,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        intermediate_size=2 * HIDDEN,
        num_layers=2,
        pad_token_id=2,
        vocab_size=vocabulary,
        rope_scaling={"short_factor": rotations, "long_factor": rotations},
        time_step_dim=32,
    ).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.mul_(GAIN)
    return model
