"""Tiny tokenizers and text encoders: one token a character, so that every word counts."""

from __future__ import annotations

from typing import Any

PRINTABLE = "".join(chr(code) for code in range(33, 127))


def t5_tokenizer(longest: int = 512) -> Any:
    """Return a `T5Tokenizer` whose tokens are the printable ASCII characters.

    Args:
        longest: Most tokens of a text, `model_max_length`.
    """
    from transformers import T5Tokenizer

    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -2.0), ("▁", -1.0)]
    vocabulary += [(character, -1.0) for character in PRINTABLE]
    return T5Tokenizer(vocab=vocabulary, extra_ids=0, model_max_length=longest)


def t5_encoder(tokenizer: Any, width: int = 16) -> Any:
    """Return a `T5EncoderModel` with two layers; its states are `width` wide."""
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=width,
        d_kv=8,
        d_ff=2 * width,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
        # T5's own initialisation leaves a model this small all but blind to its input.
        initializer_factor=5.0,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    return T5EncoderModel(config).eval()


def clip_tokenizer(longest: int = 77) -> Any:
    """Return a `CLIPTokenizer` with the bytes as tokens, each with and without a word's end."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    characters = list(bytes_to_unicode().values())
    words = [*characters, *(c + "</w>" for c in characters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=longest)


def clip_text_encoder(tokenizer: Any, width: int = 16, projection: int | None = None) -> Any:
    """Return a `CLIPTextModel`, or with `projection` a `CLIPTextModelWithProjection` of that width.

    `tokenizer` is one of `clip_tokenizer`: its last two tokens are begin and end.
    """
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    vocabulary = len(tokenizer)
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=projection or width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=tokenizer.model_max_length,
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
    )
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config).eval()
