"""Decoding files into what a collection wants to know of them; also as a process of its own.

As a process it reads requests from its standard input and answers on its standard output, until the
input ends: so none outlives whoever started it. Files and pixels go through memory that both share.

A request is of one or more files: how many, the encoder's `image_size` (0 for no scaling), whether
pixels are wanted, and the length of each; the files lie one after the other at the beginning of the
shared memory. An answer is of one file: the lengths of two parts, then JSON, and where the file was
decoded its grey copy. Pixels lie behind `INBOX`, where the JSON says.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from imagerag.collection import decode, scaling
from imagerag.collection.container import Format
from imagerag.errors import ImageError

if TYPE_CHECKING:
    from mmap import mmap

    from PIL.Image import Image

REQUEST = struct.Struct("<II?")
LENGTH = struct.Struct("<I")
ANSWER = struct.Struct("<II")
READY = b"r"

INBOX = 2 * decode.MAX_BYTES
"""Bytes of the shared memory for the files of one request, which has one of the largest at most."""

CANVAS = 3 * decode.MAX_PIXELS
"""Bytes of it for pixels: the largest picture in RGB. What is not written takes no memory."""

SHARED = INBOX + CANVAS

NICENESS = 5
"""How far the process stands back for others. Where cores are scarce the encoder goes first, since
only it must see every picture one after the other; decoding takes what time it leaves."""

MOST_DATA = 600_000_000
"""Bytes that the process may allocate; a decoder that wants more fails, and nothing else does."""

_STRIP = 256


@dataclass(frozen=True)
class Inspected:
    """What there is to know of a file: format, upright size, grey copy, and perhaps its picture.

    `image` is upright and in RGB, scaled where that was allowed; None where it was not wanted.
    """

    format: Format
    width: int
    height: int
    thumbnail: bytes
    image: Image | None


def inspect(
    files: Sequence[bytes], image_size: int | None, *, pixels: bool
) -> list[Inspected | ImageError]:
    """Decode files in this process, for an encoder of `image_size` where `pixels` are wanted.

    What cannot be decoded has an error with the reason alone.
    """
    found: list[Inspected | ImageError] = []
    for data in files:
        try:
            found.append(inspect_one(data, image_size, pixels=pixels))
        except ImageError as error:
            found.append(error)
    return found


def inspect_one(data: bytes, image_size: int | None, *, pixels: bool) -> Inspected:
    """Decode one file in this process. Raises `ImageError` with the reason alone."""
    # For the grey copy alone, the smallest picture is as good.
    shortest = scaling.shortest_for(image_size) if pixels else scaling.FLOOR
    found = decode.examine(data, shortest=shortest, image_size=image_size, grey=not pixels)
    copy = found.thumbnail()
    image = found.image() if pixels else None
    return Inspected(found.header.format, found.width, found.height, copy, image)


def serve(requests: BinaryIO, answers: BinaryIO, shared: mmap) -> None:
    """Answer requests until they end; the pixels of pictures are left in `shared`."""
    answers.write(READY)
    answers.flush()
    while len(head := requests.read(REQUEST.size)) == REQUEST.size:
        count, image_size, pixels = REQUEST.unpack(head)
        lengths = requests.read(LENGTH.size * count)
        if len(lengths) < LENGTH.size * count:
            return
        start, place = 0, INBOX
        for (length,) in LENGTH.iter_unpack(lengths):
            data = shared[start : start + length]
            start += length
            told, copy, image = _answer(data, image_size or None, pixels=pixels)
            if image is not None:
                size = 3 * image.width * image.height
                if place + size <= SHARED:
                    told["at"] = place
                    _draw(image, shared, place)
                    place += size
                else:
                    # Whoever asked takes out what is there, and asks again for this one.
                    told, copy = {"full": True}, b""
            text = json.dumps(told).encode()
            answers.write(ANSWER.pack(len(text), len(copy)) + text + copy)
            answers.flush()
            if "full" in told:
                break


def _answer(
    data: bytes, image_size: int | None, *, pixels: bool
) -> tuple[dict[str, object], bytes, Image | None]:
    try:
        found = inspect_one(data, image_size, pixels=pixels)
    except ImageError as error:
        return {"error": str(error)}, b"", None
    told: dict[str, object] = {"format": found.format, "size": (found.width, found.height)}
    if found.image is not None:
        told["picture"] = found.image.size
    return told, found.thumbnail, found.image


def main(handle: int) -> None:
    """Serve on the standard streams; `handle` is the open file behind the shared memory."""
    import mmap
    import os
    import resource
    import signal
    import sys

    # Ctrl-C goes to all processes of a terminal: what has been read is still to be written.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for limit, most in ((resource.RLIMIT_DATA, MOST_DATA), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(
            limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
        )
    os.nice(NICENESS)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # Whatever else prints must not be taken for an answer.
    with mmap.mmap(handle, SHARED) as shared:
        serve(sys.stdin.buffer, answers, shared)


def _draw(image: Image, shared: mmap, place: int) -> None:
    """Write pixels in strips, since a large picture must not be in memory once more."""
    shared.seek(place)
    if image.height <= _STRIP:
        shared.write(image.tobytes())
        return
    for top in range(0, image.height, _STRIP):
        strip = image.crop((0, top, image.width, min(top + _STRIP, image.height)))
        shared.write(strip.tobytes())
