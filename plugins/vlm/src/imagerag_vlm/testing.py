"""For tests: a tiny model of the very class, and lessons that it learns by heart.

`save_tiny` writes a random Qwen2.5-VL in the layout of the published one, a megabyte in all;
`teach` overfits it to questions and answers, in seconds on one core.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from imagerag_chat.question import Question
from imagerag_vlm.config import VLMConfig
from imagerag_vlm.conversation import encoded, prepared

SPECIAL = (
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
"""The family's special tokens beside "<|endoftext|>"."""

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""A chat template in the form of the family's."""

WIDTH = 64
"""Size of a hidden state."""


def save_tiny(folder: Path, phrases: Iterable[str] = (), seed: int = 0) -> Path:
    """Save a tiny random model with its processor, and return its folder.

    Args:
        folder: Where to; it need not exist.
        phrases: Texts that are one token each; every other text is read byte by byte.
        seed: Of its weights. The global generator of torch is left as it was.
    """
    from imagerag_torch import guard_torchvision, seeded

    guard_torchvision()
    from transformers import Qwen2_5_VLForConditionalGeneration

    from imagerag_vlm.quiet import quiet

    with quiet(), seeded(seed):
        processor = _processor(phrases)
        model = Qwen2_5_VLForConditionalGeneration(_configuration(processor.tokenizer))
        model.generation_config.update(
            # As the published files have it, but for the penalty of repetitions.
            do_sample=True,
            temperature=1e-6,
            eos_token_id=[processor.tokenizer.eos_token_id, processor.tokenizer.pad_token_id],
            pad_token_id=processor.tokenizer.pad_token_id,
        )
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
    return folder


def teach(
    folder: Path,
    lessons: Sequence[tuple[Question, str]],
    *,
    rounds: int = 100,
    enough: float = 0.005,
    seed: int = 0,
) -> float:
    """Overfit the model in `folder` to answer `lessons`, save it there, and return its worst loss.

    Questions reach it exactly as a critic with the default options asks them.

    Args:
        folder: What `save_tiny` wrote.
        lessons: Questions with the answers to learn, word by word.
        rounds: How often to go through them at most.
        enough: The mean loss per token, in nats, at which each lesson is learnt.
        seed: Of the order of the lessons.
    """
    import torch

    from imagerag_torch import seeded
    from imagerag_vlm.loading import load
    from imagerag_vlm.quiet import quiet

    loaded = load(VLMConfig(model=str(folder), device="cpu"))
    model, processor = loaded.model, loaded.processor
    rows = [_row(processor, question, answer) for question, answer in lessons]
    learning = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    pace = torch.optim.lr_scheduler.CosineAnnealingLR(learning, rounds * len(rows), 1e-4)
    worst = float("inf")
    with quiet(), seeded(seed):
        for _ in range(rounds):
            losses = []
            for index in torch.randperm(len(rows)).tolist():
                inputs, kept = rows[index]
                loss = model(**inputs, logits_to_keep=kept).loss
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                learning.step()
                learning.zero_grad()
                pace.step()
                losses.append(loss.item())
            worst = max(losses)
            if worst < enough:
                break
        model.save_pretrained(folder)
    return worst


def _row(processor: Any, question: Question, answer: str) -> tuple[dict[str, Any], int]:
    """Return the inputs of one lesson, whose loss counts the answer alone."""
    import torch

    defaults = VLMConfig()
    images = [
        prepared(image, defaults.image_size, defaults.image_format) for image in question.images
    ]
    inputs = dict(encoded(processor, question, images))
    tokenizer = processor.tokenizer
    written = tokenizer(answer + tokenizer.eos_token, return_tensors="pt").input_ids
    asked = inputs["input_ids"].shape[1]
    inputs["input_ids"] = torch.cat([inputs["input_ids"], written], dim=1)
    for name, filling in (("attention_mask", 1), ("mm_token_type_ids", 0)):
        more = torch.full_like(written, filling)
        inputs[name] = torch.cat([inputs[name], more], dim=1)
    labels = inputs["input_ids"].clone()
    labels[:, :asked] = -100
    kept = written.shape[1] + 1
    return {**inputs, "labels": labels[:, -kept:]}, kept


def _processor(phrases: Iterable[str]) -> Any:
    from transformers import (
        Qwen2_5_VLProcessor,
        Qwen2Tokenizer,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    filling, end = "<|endoftext|>", "<|im_end|>"
    words = [filling, *bytes_to_unicode().values()]
    tokenizer = Qwen2Tokenizer(
        vocab={word: number for number, word in enumerate(words)},
        merges=[],
        additional_special_tokens=list(SPECIAL),
        eos_token=end,
        pad_token=filling,
    )
    tokenizer.add_tokens(list(dict.fromkeys(phrases)))
    # 28 pixels a side are one token; the largest picture has 16 of them.
    images = Qwen2VLImageProcessor(min_pixels=28 * 28, max_pixels=16 * 28 * 28)
    return Qwen2_5_VLProcessor(images, tokenizer, Qwen2VLVideoProcessor(), chat_template=TEMPLATE)


def _configuration(tokenizer: Any) -> Any:
    from transformers import Qwen2_5_VLConfig

    number = tokenizer.convert_tokens_to_ids
    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 8192,
            # Time, height and width share the 8 frequencies of a head as in the published model.
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e6,
                "mrope_section": [2, 3, 3],
            },
            "bos_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={
            "depth": 2,
            "hidden_size": WIDTH,
            "intermediate_size": 2 * WIDTH,
            "num_heads": 4,
            "out_hidden_size": WIDTH,
            "fullatt_block_indexes": [1],
            "window_size": 56,
        },
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
    )
