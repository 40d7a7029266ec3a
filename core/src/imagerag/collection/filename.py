"""A caption from a file name, where the name reads like words."""

from __future__ import annotations

import re

# Words that cameras, phones and programs put into names; a name of only these says nothing.
# fmt: off
_CAMERA = frozenset({
    "am", "at", "copy", "dcim", "download", "dsc", "dscf", "dscn", "edit", "edited", "export",
    "file", "final", "frame", "image", "images", "img", "jpeg", "jpg", "mvimg", "page",
    "photo", "photos", "pic", "picture", "pm", "png", "pxl", "sample", "scan", "screen",
    "screenshot", "shot", "signal", "telegram", "test", "thumb", "thumbnail", "train",
    "untitled", "val", "vid", "wa", "webp", "whatsapp",
})
# fmt: on
_TRAILING_DIGITS = re.compile(r"\d+$")
_VOWEL = re.compile(r"[aeiouyà-öø-ÿāăąēėęěīįōőœūůű]", re.IGNORECASE)


def caption_of(stem: str) -> str:
    """Return `stem` as words ("red_fox_03" gives "red fox"), or "" where it has none to offer.

    Digits go, also at the end of a word; words with digits inside are taken for codes.
    """
    words = []
    for word in re.split(r"[\s_\-.,()\[\]+]+", stem):
        bare = _TRAILING_DIGITS.sub("", word)
        if bare and bare.isalpha():
            words.append(bare)
    telling = [word for word in words if word.lower() not in _CAMERA and _reads(word)]
    return " ".join(words) if telling and len(telling) * 2 >= len(words) else ""


def _reads(word: str) -> bool:
    if not word.isascii() and not _VOWEL.search(word):
        return True  # A script without our vowels.
    return len(word) >= 3 and _VOWEL.search(word) is not None
