"""Text on its way to a tokenizer: cleaned, because it is data from anywhere."""

from __future__ import annotations

import re

from imagerag.text import clean as plain

LONGEST = 20_000
"""Characters kept of a text. The longest contexts here are some hundred tokens."""

TOKENS = re.compile(r"<(?:start|end)_of_text>", re.IGNORECASE)
"""What open_clip's own tokenizer reads as its special tokens, wherever it stands in a text."""


class ContextTruncatedWarning(UserWarning):
    """A text was longer than the model's context, and its end was not read."""


def clean(text: str) -> str:
    """Return `text` as plain words on one line, without control characters or special tokens."""
    return plain(TOKENS.sub(" ", text[: 2 * LONGEST]), LONGEST)
