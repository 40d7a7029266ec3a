"""Lines of text files, with an end to their length and number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imagerag.errors import CollectionError

LONGEST_LINE = 1_000_000
"""Most characters of a line of a table; a longer one is no row."""

MOST_LABELS = 2_000_000
"""Most lines of a file of labels, which is held in memory: ImageNet has 50,000 images that need
one, CUB and Aircraft about 10,000 each."""

_LONGEST_LABEL = 4096


def bounded(path: Path) -> Iterator[tuple[int, str | None]]:
    """Yield each line with its number, without its end; None for one that is too long.

    Bytes that are no UTF-8 become U+FFFD, as does NUL, which some readers stop at.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE and not line.endswith("\n"):
                while line and not line.endswith("\n"):
                    line = file.readline(LONGEST_LINE)
                yield number, None
                continue
            yield number, line.rstrip("\r\n").replace("\0", "\ufffd")


def labels(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (first word, the rest) of each line of a file of labels.

    Raises `CollectionError` where it is missing or has more lines than such files have.
    """
    try:
        for number, line in bounded(path):
            if number > MOST_LABELS:
                raise CollectionError(
                    f"{str(path)!r} has more than {MOST_LABELS:,} lines, which no file of labels "
                    "has. Is it the file of this data set?"
                )
            first, _, rest = (line or "")[:_LONGEST_LABEL].strip().partition(" ")
            if first:
                yield first, rest.strip()
    except OSError as error:
        raise CollectionError(
            f"{str(path)!r} cannot be read: {error.strerror or error}. It is a part of the data "
            "set; unpack the whole of it, and give the folder that it lies in."
        ) from error


def count(path: Path) -> int | None:
    """Return how many lines a file has; None where it cannot be read."""
    try:
        with path.open("rb") as file:
            total, last = 0, b"\n"
            while chunk := file.read(1 << 20):
                total += chunk.count(b"\n")
                last = chunk
            return total + (not last.endswith(b"\n"))
    except OSError:
        return None
