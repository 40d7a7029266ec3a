"""Decoding one file into what a collection wants to know of it; also as a process of its own.

As a process it reads requests from its standard input and answers on its standard output, until the
input ends: so none outlives whoever started it. Pixels go through memory that both share.

A request is its length, the least shorter side (0 for no scaling), whether pixels are wanted, and
the file's bytes; an answer is its length, JSON, and where the file was decoded its grey copy.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from imagerag.collection import decode, scaling
from imagerag.collection.container import Format
from imagerag.errors import ImageError

if TYPE_CHECKING:
    from mmap import mmap

    from PIL.Image import Image

REQUEST = struct.Struct("<II?")
ANSWER = struct.Struct("<I")
READY = b"r"

CANVAS = 3 * decode.MAX_PIXELS
"""Bytes of the shared memory: the largest picture in RGB. What is not written takes no memory."""

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


def inspect(data: bytes, shortest: int | None, *, pixels: bool) -> Inspected:
    """Decode a file in this process. Raises `ImageError` with the reason alone."""
    # For the grey copy alone, the smallest picture is as good.
    least = shortest if pixels else scaling.FLOOR
    found = decode.examine(data, shortest=least, grey=not pixels)
    copy = found.thumbnail()
    image = found.image() if pixels else None
    return Inspected(found.header.format, found.width, found.height, copy, image)


def serve(requests: BinaryIO, answers: BinaryIO, canvas: mmap) -> None:
    """Answer requests until they end; the pixels of a picture are left in `canvas`."""
    answers.write(READY)
    answers.flush()
    while len(head := requests.read(REQUEST.size)) == REQUEST.size:
        length, shortest, pixels = REQUEST.unpack(head)
        data = requests.read(length)
        if len(data) < length:
            return
        copy = b""
        try:
            found = inspect(data, shortest or None, pixels=pixels)
        except ImageError as error:
            told: dict[str, object] = {"error": str(error)}
        else:
            copy = found.thumbnail
            told = {"format": found.format, "size": (found.width, found.height)}
            if found.image is not None:
                told["picture"] = found.image.size
                _draw(found.image, canvas)
        text = json.dumps(told).encode()
        answers.write(ANSWER.pack(len(text)) + text + copy)
        answers.flush()


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
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # Whatever else prints must not be taken for an answer.
    with mmap.mmap(handle, CANVAS) as canvas:
        serve(sys.stdin.buffer, answers, canvas)


def _draw(image: Image, canvas: mmap) -> None:
    canvas.seek(0)
    for top in range(0, image.height, _STRIP):
        strip = image.crop((0, top, image.width, min(top + _STRIP, image.height)))
        canvas.write(strip.tobytes())
