"""Puts a question into the words and the form in which a model was taught to be asked."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from imagerag.errors import WeightsError
from imagerag_chat.picture import encode, fitted
from imagerag_chat.question import Question

if TYPE_CHECKING:
    from PIL.Image import Image

NARROWEST = 100
"""Times that a picture may be longer than wide. Qwen's processors refuse more than 200."""


def prepared(image: Image, longest: int, form: Literal["png", "jpeg"]) -> Image:
    """Return a picture as the processor is given it: RGB, bounded, and not too narrow.

    A strip is filled up with white. With `form` "jpeg" the picture goes through that format, as it
    does on its way to a server; "png" changes nothing, and is left out.
    """
    import PIL.Image

    small = fitted(image, longest)
    if form == "jpeg":
        with PIL.Image.open(io.BytesIO(encode(small, longest, form).data)) as read:
            small = read.convert("RGB")
    width, height = small.size
    least = -(-max(width, height) // NARROWEST)
    if min(width, height) >= least:
        return small
    wide = PIL.Image.new("RGB", (max(width, least), max(height, least)), (255, 255, 255))
    wide.paste(small, ((wide.width - width) // 2, (wide.height - height) // 2))
    return wide


def encoded(processor: Any, question: Question, images: Sequence[Image]) -> Any:
    """Return the model's inputs for a question: its pictures in their order, and then its words.

    Args:
        processor: A processor with a chat template.
        question: What to ask.
        images: The question's pictures, prepared.

    Raises:
        WeightsError: The chat template does not say what it is given.
    """
    text = plain(question.text, processor.tokenizer)
    system = plain(question.system, processor.tokenizer)
    return processor.apply_chat_template(
        conversation(processor, system, text, images),
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )


def conversation(
    processor: Any, system: str, text: str, images: Iterable[Image]
) -> list[dict[str, Any]]:
    """Return the conversation that the chat template can say, with or without a system's turn.

    Not every template has one: some raise, and some leave it out in silence. The system's words
    then stand before the question.

    Raises:
        WeightsError: The template leaves out the question too.
    """
    from jinja2 import TemplateError

    shown = [{"type": "image", "image": image} for image in images]
    turns = [
        {"role": "system", "content": [_words(system)]},
        {"role": "user", "content": [*shown, _words(text)]},
    ]
    try:
        said = processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    except TemplateError:
        said = ""
    if system in said and text in said:
        return turns
    turns = [{"role": "user", "content": [*shown, _words(f"{system}\n\n{text}")]}]
    try:
        said = processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    except TemplateError as error:
        raise WeightsError(
            f"The chat template of the model cannot say a question about pictures: {error}. Take "
            "a model that was taught to answer such questions."
        ) from error
    if system in said and text in said:
        return turns
    raise WeightsError(
        "The chat template of the model leaves out what is asked. Take a model that was taught to "
        "answer questions about pictures."
    )


def plain(text: str, tokenizer: Any) -> str:
    """Return a text in which nothing is one of the tokenizer's special tokens.

    "[IMG]" in a prompt would otherwise stand for a picture, and "<|im_end|>" end the turn. A space
    after the first character makes words of them.
    """
    special = {
        *tokenizer.all_special_tokens,
        *(str(token) for token in tokenizer.added_tokens_decoder.values() if token.special),
    }
    for token in sorted(special, key=len, reverse=True):
        if len(token) > 1 and token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def _words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
