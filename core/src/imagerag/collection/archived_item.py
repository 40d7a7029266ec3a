"""The line of an archive that tells of one item: untrusted text until it is read here."""

from __future__ import annotations

import json
import re
from typing import Any

from imagerag.collection.archive_format import refused
from imagerag.collection.decode import MAX_BYTES, MAX_PIXELS
from imagerag.collection.text import CAPTION_LIMIT, clean

LONGEST = 1 << 20
"""Most bytes of a line. A caption has at most 2,000 characters, and a tag 500."""

_ID = re.compile("[0-9a-f]{64}")
_FORMATS = {"jpg", "png", "webp"}
_KEYS = {
    "id", "format", "bytes", "caption", "licence", "creator", "source", "tags", "private",
    "width", "height", "added", "near", "phash",
}  # fmt: skip
_MOST = 1 << 63


def read_line(line: bytes) -> dict[str, Any]:
    """Return the values of a line, texts cleaned as those of any source are.

    Raises `CollectionError` for lines that no export writes.
    """
    try:
        told = json.loads(line)
        good = (
            told.keys() == _KEYS
            and bool(_ID.fullmatch(told["id"]))
            and told["format"] in _FORMATS
            and type(told["private"]) is bool
            and _number(told["bytes"], 1, MAX_BYTES)
            and _number(told["width"], 1, MAX_PIXELS)
            and _number(told["height"], 1, MAX_PIXELS)
            and (told["added"] is None or _number(told["added"], 0, 1 << 40))
            and (told["phash"] is None or _number(told["phash"], -_MOST, _MOST - 1))
            and (told["near"] is None or bool(_ID.fullmatch(told["near"])))
            and isinstance(told["tags"], list)
            and all(isinstance(tag, str) for tag in told["tags"])
            and isinstance(told["caption"], str)
            and all(told[key] is None or isinstance(told[key], str) for key in _NAMED)
        )
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        good = False
    if not good:
        raise refused(f"a line of what it says of its images is not as it should be: {line[:80]!r}")
    return {
        **told,
        "caption": clean(told["caption"], CAPTION_LIMIT),
        **{key: clean(told[key] or "") or None for key in _NAMED},
        "tags": list(dict.fromkeys(tag for tag in map(clean, told["tags"]) if tag)),
    }


_NAMED = ("licence", "creator", "source")


def _number(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most
