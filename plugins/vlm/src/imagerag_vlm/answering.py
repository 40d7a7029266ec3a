"""Lets a loaded model write an answer: greedily, or drawn by the question's own chance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagerag_chat.question import Question
from imagerag_vlm.conversation import encoded
from imagerag_vlm.loading import Loaded

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag_vlm.config import VLMConfig


@dataclass(frozen=True)
class Answer:
    """What a model wrote. `complete` is False where the limit of tokens cut it off.

    `image_tokens` is the part of `input_tokens` that stands for pictures, None where the model's
    files do not say which token does.
    """

    text: str
    complete: bool
    input_tokens: int
    output_tokens: int
    image_tokens: int | None


def write(
    loaded: Loaded,
    question: Question,
    images: Sequence[Image],
    temperature: float,
    top_p: float,
) -> Answer:
    """Return the model's answer; the same question and temperature give the same answer.

    At temperature 0 the likeliest token is taken each time. Above, tokens are drawn with a seed
    that the question alone decides, and without the bounds that a model's own files set: some let
    only one token through, and asking again more warmly would change nothing.

    Args:
        loaded: The model, its weights where it answers.
        question: What to ask.
        images: The question's pictures, prepared.
        temperature: 0, or how evenly to draw.
        top_p: Of how much of the probability, the likeliest tokens first, to draw.
    """
    import torch

    from imagerag_torch import seeded

    model, processor = loaded.model, loaded.processor
    inputs = encoded(processor, question, images).to(loaded.device, dtype=loaded.dtype)
    ends = end_tokens(loaded)
    drawn = temperature > 0
    options = {"temperature": temperature, "top_p": top_p, "top_k": 0} if drawn else {}
    chance = seeded(seed_of(question, images)) if drawn else nullcontext()
    with torch.no_grad(), chance:  # quanto's weights cannot be used in inference_mode()
        output = model.generate(
            **inputs,
            max_new_tokens=question.max_tokens,
            do_sample=drawn,
            num_beams=1,
            num_return_sequences=1,
            return_dict_in_generate=False,
            eos_token_id=ends,
            pad_token_id=_padding(loaded, ends),
            **options,
        )
    read = inputs["input_ids"][0]
    written = output[0, len(read) :].tolist()
    return Answer(
        text=processor.tokenizer.decode(written, skip_special_tokens=True),
        complete=bool(written) and written[-1] in ends,
        input_tokens=len(read),
        output_tokens=len(written),
        image_tokens=_count(read, image_token(loaded)),
    )


def seed_of(question: Question, images: Iterable[Image]) -> int:
    """Return a seed that depends on the question, its words and pixels, and on nothing else."""
    total = hashlib.sha256()
    for part in (question.call, question.system, question.text):
        total.update(f"{len(part)} {part}\0".encode())
    for image in images:
        total.update(f"{image.size}".encode() + image.tobytes())
    return int.from_bytes(total.digest()[:8])


def end_tokens(loaded: Loaded) -> list[int]:
    """Return the tokens that end an answer, as model and tokenizer name them."""
    named = loaded.model.generation_config.eos_token_id
    found = named if isinstance(named, list) else [named]
    found = [*found, loaded.processor.tokenizer.eos_token_id]
    return list(dict.fromkeys(token for token in found if token is not None))


def image_token(loaded: Loaded) -> int | None:
    """Return the token that stands for a piece of a picture, where the files name it."""
    config = loaded.model.config
    for owner, name in (
        (loaded.processor, "image_token_id"),
        (config, "image_token_id"),
        (config, "image_token_index"),
    ):
        found = getattr(owner, name, None)
        if isinstance(found, int):
            return found
    return None


@contextmanager
def on_its_device(loaded: Loaded, config: VLMConfig) -> Iterator[None]:
    """Bring the weights to the device for a question, and back where they wait between two."""
    if config.offload == "none" or loaded.device.type == "cpu":
        yield
        return
    from imagerag_vlm.exhaustion import free_memory

    try:
        loaded.model.to(loaded.device)
        yield
    finally:
        loaded.model.to("cpu")
        free_memory()


def _padding(loaded: Loaded, ends: list[int]) -> int | None:
    """Return what fills a row up; there is one row, but generate() asks."""
    named = loaded.model.generation_config.pad_token_id
    return named if named is not None else next(iter(ends), None)


def _count(tokens: Any, wanted: int | None) -> int | None:
    return None if wanted is None else int((tokens == wanted).sum())
