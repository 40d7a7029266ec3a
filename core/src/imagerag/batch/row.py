"""One row of a list of prompts, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imagerag.errors import UsageError, suggestion
from imagerag.loop import check_call

_FIELDS = ("prompt", "seed", "size", "collection", "images")
_OTHER_NAMES = {"image": "images"}


class RowError(UsageError):
    """A row that cannot be worked on; the message says what is wrong with it."""


@dataclass(frozen=True)
class Row:
    """A prompt with what the list says beside it; None and () where it says nothing.

    `size` is width and height in pixels, `images` are files of the user's own.
    """

    prompt: str
    seed: int | None = None
    size: tuple[int, int] | None = None
    collection: str | None = None
    images: tuple[str, ...] = ()

    def more(self) -> dict[str, Any]:
        """Return what is not the prompt or the seed, as JSON values; empty where nothing is."""
        rest = {k: v for k, v in asdict(self).items() if k not in ("prompt", "seed") and v}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in rest.items()}

    @classmethod
    def again(cls, prompt: str, more: Mapping[str, Any]) -> Row:
        """Return the row that `prompt` and `more` were taken from."""
        size = more.get("size")
        return cls(
            prompt,
            size=(size[0], size[1]) if size else None,
            collection=more.get("collection"),
            images=tuple(more.get("images", ())),
        )


def row_of(values: Mapping[str, Any], beside: Path) -> Row:
    """Read a row of named values; relative images lie in the folder `beside`.

    Empty cells say nothing. Raises `RowError` for a value that makes no sense, an unknown field, or
    an image that is not there.
    """
    told = {
        _OTHER_NAMES.get(str(name).strip().lower(), str(name).strip().lower()): value
        for name, value in values.items()
        if name is not None and value is not None and value != ""
    }
    for name in told:
        if name not in _FIELDS:
            hint = suggestion(name, _FIELDS) or f" Known: {', '.join(_FIELDS)}."
            raise RowError(f"unknown field {name!r}.{hint}")
    prompt = told.get("prompt", "")
    if not isinstance(prompt, str):
        raise RowError(f"the prompt {prompt!r} is no text")
    row = Row(
        prompt=prompt,
        seed=_seed(told.get("seed")),
        size=_size(told.get("size")),
        collection=str(told["collection"]) if "collection" in told else None,
        images=_images(told.get("images"), beside),
    )
    try:
        check_call(row.prompt, row.seed, row.size)
    except UsageError as error:
        raise RowError(str(error).rstrip(".")) from error
    return row


def _seed(value: Any) -> int | None:
    if value is None:
        return None
    try:
        if isinstance(value, bool) or int(value) != float(value):
            raise ValueError
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise RowError(f"the seed {value!r} is no whole number") from None


def _size(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d{1,5})\s*[xX×]\s*(\d{1,5})\s*", value)
        if match:
            return int(match.group(1)), int(match.group(2))
    elif (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and all(isinstance(side, int) and not isinstance(side, bool) for side in value)
    ):
        return value[0], value[1]
    raise RowError(f"the size {value!r} is not of the form WxH, as in 1024x1024")


def _images(value: Any, beside: Path) -> tuple[str, ...]:
    """Take one path, several with `;` between them, or a list."""
    if value is None:
        return ()
    names = value.split(";") if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
        raise RowError(f"the images {value!r} are no paths")
    paths = [beside / name.strip() for name in names if name.strip()]
    for path in paths:
        if not path.is_file():
            raise RowError(f"there is no image {str(path)!r}")
    return tuple(str(path.absolute()) for path in paths)
