"""Captions and names come from strangers: making them plain, short, single-line text."""

from __future__ import annotations

import unicodedata

CAPTION_LIMIT = 2000
"""Most characters kept of a caption; encoders read far fewer."""

FIELD_LIMIT = 500
"""Most characters kept of a licence, creator, source or tag."""


def clean(text: str, limit: int = FIELD_LIMIT) -> str:
    """Return `text` in NFC, on one line, without control and direction characters, cut to `limit`.

    Zero-width joiners stay, since scripts and emoji need them; other invisible characters go,
    since they can hide or reorder what a reader sees.
    """
    kept = []
    for character in unicodedata.normalize("NFC", text[: limit * 4]):
        category = unicodedata.category(character)
        if category in {"Cc", "Zl", "Zp"}:
            kept.append(" ")
        elif category in {"Cf", "Cs", "Co", "Cn"} and character not in "\u200c\u200d":
            continue
        else:
            kept.append(character)
    return " ".join("".join(kept).split())[:limit].rstrip()
