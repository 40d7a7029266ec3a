"""Every question that is asked: its words, its pictures and the form of its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagerag_chat import schemas, wording
from imagerag_chat.question import Question
from imagerag_chat.wording import fenced, fenced_lines, worded

if TYPE_CHECKING:
    from PIL.Image import Image


def review(image: Image, prompt: str, most: int, max_tokens: int) -> Question:
    """Ask in one call whether the picture matches, what is missing, and for captions."""
    text = worded(wording.REVIEW, prompt=fenced("prompt", prompt), most=most)
    return _asked("review", text, schemas.REVIEW, max_tokens, (image,))


def match(image: Image, prompt: str, max_tokens: int) -> Question:
    """Ask whether the picture matches, the first of three calls."""
    text = worded(wording.MATCH, prompt=fenced("prompt", prompt))
    return _asked("match", text, schemas.MATCH, max_tokens, (image,))


def concepts(image: Image, prompt: str, most: int, max_tokens: int) -> Question:
    """Ask which concepts are missing, the second of three calls."""
    text = worded(wording.CONCEPTS, prompt=fenced("prompt", prompt), most=most)
    return _asked("concepts", text, schemas.CONCEPTS, max_tokens, (image,))


def captions(names: Sequence[str], prompt: str, max_tokens: int) -> Question:
    """Ask for a caption for each concept, the last of three calls.

    The picture is not shown again: a caption describes what the picture does not show.
    """
    text = worded(
        wording.CAPTIONS,
        prompt=fenced("prompt", prompt),
        concepts=fenced_lines("concepts", names),
    )
    return _asked("captions", text, schemas.CAPTIONS, max_tokens)


def plan(prompt: str, most: int, max_tokens: int) -> Question:
    """Ask what a painter must know, without a picture."""
    text = worded(wording.PLAN, prompt=fenced("prompt", prompt), most=most)
    return _asked("plan", text, schemas.PLAN, max_tokens)


def compare(prompt: str, first: Image, second: Image, max_tokens: int) -> Question:
    """Ask which of two pictures is better."""
    text = worded(wording.COMPARE, prompt=fenced("prompt", prompt))
    return _asked("compare", text, schemas.COMPARE, max_tokens, (first, second))


def caption(image: Image, max_tokens: int) -> Question:
    """Ask for one sentence about the picture, as plain text."""
    return _asked("caption", worded(wording.CAPTION), None, max_tokens, (image,))


def choose(text: str, images: Sequence[Image], max_tokens: int) -> Question:
    """Ask for an order of pictures, which are numbered from 1."""
    words = worded(wording.CHOOSE, text=fenced("text", text), count=len(images))
    return _asked("choose", words, schemas.CHOOSE, max_tokens, tuple(images))


def edits(image: Image, prompt: str, most: int, max_tokens: int) -> Question:
    """Ask for instructions to edit the picture."""
    text = worded(wording.EDITS, prompt=fenced("prompt", prompt), most=most)
    return _asked("edits", text, schemas.EDITS, max_tokens, (image,))


def _asked(
    call: str,
    text: str,
    schema: Mapping[str, Any] | None,
    max_tokens: int,
    images: tuple[Image, ...] = (),
) -> Question:
    return Question(call, wording.SYSTEM, text, images, schema, max_tokens)
