"""A tiny tokenizer of the Qwen family: bytes, and the words of its chat as tokens of their own."""

from __future__ import annotations

from typing import Any

TURNS = ("<|im_start|>", "<|im_end|>")
"""What a turn of the chat begins and ends with."""

VISION = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
"""What stands for pictures and films in a prompt."""

TEMPLATE = (
    "{% for message in messages %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def qwen_tokenizer(longest: int = 2048) -> Any:
    """Return a `Qwen2Tokenizer` whose tokens are bytes, with a chat template.

    Args:
        longest: Most tokens of a text, `model_max_length`.
    """
    from transformers import Qwen2Tokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    words = ["<|endoftext|>", *bytes_to_unicode().values()]
    return Qwen2Tokenizer(
        vocab={word: number for number, word in enumerate(words)},
        merges=[],
        additional_special_tokens=[*TURNS, *VISION],
        model_max_length=longest,
        chat_template=TEMPLATE,
    )
