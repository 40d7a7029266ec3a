"""Whom a picture owes: its references' creators and licences, as text to pass on with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imagerag.run import Run, Used

_FIRST_LINE = "Credits of the picture"


def credits_text(run: Run, picture: str) -> str:
    """Return the credits of a run's kept picture, "" where it was painted without references.

    `picture` is the file's name, for the heading. What is unknown is called unknown. Of a private
    image there are creator and licence, since they are owed, and neither its id nor where it came
    from.
    """
    used = [one for one in run.kept_painting.references if one.origin == "retrieved"]
    if not used:
        return ""
    return "\n".join(_lines(picture, used)) + "\n"


def credits_path(picture: Path) -> Path:
    """Return where the credits of a picture lie: `hedgehog.credits.txt` beside `hedgehog.png`."""
    return picture.with_name(f"{picture.stem}.credits.txt")


def are_credits(path: Path) -> bool:
    """Say whether a file holds credits that imagerag wrote; others are left alone."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline().startswith(_FIRST_LINE)
    except (OSError, UnicodeDecodeError):
        return False


def _lines(picture: str, used: list[Used]) -> Iterator[str]:
    yield f"{_FIRST_LINE} {picture}"
    yield ""
    yield "It was painted with these images as references. Pass this text on with the picture:"
    yield "most licences ask for it, whether or not the picture carries a record."
    for number, one in enumerate(used, start=1):
        yield ""
        yield f"{number}. shown as: {one.caption}"
        yield f"   creator: {one.creator or 'unknown'}"
        yield f"   licence: {one.licence or 'unknown; ask before you share the picture'}"
        if one.private:
            yield "   source:  a private image"
        else:
            yield f"   source:  {one.source or 'unknown'}"
            yield f"   sha256:  {one.digest}"
