"""Texts from models and captions are data: cleaned before they come near any prompt syntax."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 300
"""Characters kept of one text; longer than any caption a CLIP text tower reads (77 tokens)."""

_MARKUP = re.compile(
    r"<\|[^<>|]*\|>|<\||\|>|<\s*/?\s*im(?:g|age)(?:[^<>]*>)?|\[/?INST\]", re.IGNORECASE
)
_SPACE = re.compile(r"\s+")


def clean(text: str, longest: int = LONGEST) -> str:
    """Return `text` as plain words: NFC, one line, no control or bidi characters, no markup.

    Placeholders of image syntax (`<img>`, `<|image_1|>`), and halves of them, are removed again and
    again until none is left, so that nesting cannot rebuild one. The result is at most `longest`
    characters.
    """
    text = text[: 20 * longest]  # a model's answer can be megabytes long
    # Cc: controls, Cf: formats (bidi overrides, zero-width), Cs: lone surrogates, Co: private use.
    text = "".join(
        " " if char in "\t\n\r" else char
        for char in text
        if char in "\t\n\r" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co"}
    )
    text = _SPACE.sub(" ", unicodedata.normalize("NFC", text))
    while (shorter := _MARKUP.sub(" ", text)) != text:
        text = shorter
    return _SPACE.sub(" ", text).strip()[:longest].strip()
