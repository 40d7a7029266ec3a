"""The outer structure of JPEG, PNG and WebP files, read without decoding a pixel.

An image decoder is the largest piece of code that untrusted bytes reach. So the structure is
walked first: the size from the header, one picture only, complete, and nothing hidden behind it.
Layouts: ITU-T T.81 annex B (JPEG), PNG third edition sections 5 and 11, RFC 9649 (WebP).
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import Literal

from imagerag.errors import ImageError

Format = Literal["jpg", "png", "webp"]


MAX_PARTS = 100_000
"""Most markers or chunks of one file: cameras write some dozens, and walking them takes time."""

MAX_SCANS = 100
"""Most scans of one JPEG. Encoders write about ten; each can cost a pass over the whole picture,
and a file of a few kilobytes holds thousands."""


@dataclass(frozen=True)
class Header:
    """What a file says of itself: its format and its size in pixels, before any rotation.

    `scratch` is what a decoder must hold in memory beside the pixels, in bytes: the coefficients of
    a JPEG in several scans.
    """

    format: Format
    width: int
    height: int
    scratch: int = 0


_PNG = b"\x89PNG\r\n\x1a\n"
_CUT = "is cut short"
_PARTS = f"is cut into more than {MAX_PARTS:,} parts"

_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "gzip"),
    (b"<", "HTML, XML or SVG"),
)

# What must not follow a JPEG. Phones append films and depth maps there, so other data may.
_TAIL_START = re.compile(rb"MZ|\x7fELF|#!|PK\x03\x04|Rar!|7z\xbc\xaf|GIF8|\x89PNG")
_TAIL_ANYWHERE = re.compile(rb"%PDF-|<\?php|<script|<html|<!doctype|<svg[\s>]", re.IGNORECASE)
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_FILL = re.compile(rb"\xff*(?=\xff)")

# What no metadata of a picture holds, but a file that other programs take for one of their own.
_HIDDEN = re.compile(
    rb"%PDF-|<\?php|<script|<html|<!doctype|<svg[\s>]|PK\x05\x06\0\0\0\0|\A(?:PK\x03\x04|MZ|\x7fELF)",
    re.IGNORECASE,
)


def read(data: bytes) -> Header:
    """Return the header of one complete JPEG, PNG or WebP picture.

    Raises `ImageError` with a reason, worded to follow the file's name, for anything else.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(_PNG):
        return _png(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    raise ImageError(f"is {_name_of(data)}; only JPEG, PNG and WebP are accepted")


def _name_of(data: bytes) -> str:
    if not data:
        return "an empty file"
    if data[4:8] == b"ftyp":
        return "a HEIC, AVIF or film file"
    for magic, name in _OTHERS:
        if data.lstrip()[: len(magic)] == magic:
            return f"a {name} file"
    return "not a known image file"


def _search(metadata: bytes) -> None:
    if _HIDDEN.search(metadata):
        raise ImageError("hides another file or a script in its metadata")


def _jpeg(data: bytes) -> Header:
    frame: bytes | None = None
    scans = 0
    position = 2
    for _ in range(MAX_PARTS):
        fill = _FILL.match(data, position)
        if fill is not None:
            position = fill.end()
        if position + 4 > len(data) and data[position : position + 2] != b"\xff\xd9":
            raise ImageError(_CUT)
        if data[position] != 0xFF:
            raise ImageError("is damaged: a JPEG marker is missing")
        marker = data[position + 1]
        if marker == 0xD9:
            break
        (length,) = struct.unpack_from(">H", data, position + 2)
        body = data[position + 4 : position + 2 + length]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            if len(body) < 6:
                raise ImageError(_CUT)
            if frame is not None and frame != body:
                raise ImageError("holds two pictures in one JPEG")
            frame = body
        elif marker == 0xFE or 0xE0 <= marker <= 0xEF:
            _search(body)
        position += 2 + max(length, 2)
        if marker == 0xDA:
            scans += 1
            if scans > MAX_SCANS:
                raise ImageError(
                    f"has more than {MAX_SCANS} scans, which would take long to decode"
                )
            # Compressed data follows, in which 0xFF is always escaped or a restart marker.
            found = _MARKER.search(data, position)
            if found is None:
                raise ImageError(_CUT)
            position = found.start()
    else:
        raise ImageError(_PARTS)
    if frame is None:
        raise ImageError("is damaged: a JPEG without a picture")
    tail = data[position + 2 :]
    ends_as_zip = b"PK\x05\x06" in tail[-66_000:] and b"PK\x03\x04" in tail
    if ends_as_zip or _TAIL_START.match(tail) or _TAIL_ANYWHERE.search(tail):
        raise ImageError("hides another file behind the JPEG picture")
    height, width = struct.unpack_from(">HH", frame, 1)
    return Header("jpg", width, height, _coefficients(frame) if scans > 1 else 0)


def _coefficients(frame: bytes) -> int:
    """Return the bytes of all coefficients of a picture, two for each sample (T.81, A.1.1)."""
    height, width, count = struct.unpack_from(">HHB", frame, 1)
    factors = [(one >> 4, one & 15) for one in frame[7 : 6 + 3 * count : 3]]
    if not factors or min(min(pair) for pair in factors) < 1:
        raise ImageError("is damaged: a JPEG with components of no size")
    across, down = max(h for h, _ in factors), max(v for _, v in factors)
    return sum(2 * width * height * h * v // (across * down) for h, v in factors)


def _png(data: bytes) -> Header:
    if data[12:16] != b"IHDR" or len(data) < 33:
        raise ImageError(_CUT if len(data) < 33 else "is damaged: a PNG without a header")
    width, height = struct.unpack_from(">II", data, 16)
    position = len(_PNG)
    for _ in range(MAX_PARTS):
        if position + 12 > len(data):
            raise ImageError(_CUT)
        (length,) = struct.unpack_from(">I", data, position)
        kind = data[position + 4 : position + 8]
        end = position + 12 + length
        if end > len(data):
            raise ImageError(_CUT)
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != checksum:
            raise ImageError("is damaged: a PNG checksum does not match")
        if kind == b"acTL":
            raise ImageError("is animated; only still pictures are accepted")
        if kind[:1].islower():  # beside the picture: text, profiles, what programs keep
            _search(data[position + 8 : end - 4])
        position = end
        if kind == b"IEND":
            break
    else:
        raise ImageError(_PARTS)
    if position != len(data):
        raise ImageError("hides other data behind the PNG picture")
    return Header("png", width, height)


def _webp(data: bytes) -> Header:
    (declared,) = struct.unpack_from("<I", data, 4)
    end = 8 + declared + (declared & 1)
    if end > len(data):
        raise ImageError(_CUT)
    if end < len(data):
        raise ImageError("hides other data behind the WebP picture")
    canvas: tuple[int, int] | None = None
    picture: tuple[int, int] | None = None
    position = 12
    parts = 0
    while position + 8 <= end:
        parts += 1
        if parts > MAX_PARTS:
            raise ImageError(_PARTS)
        kind = data[position : position + 4]
        (length,) = struct.unpack_from("<I", data, position + 4)
        body = data[position + 8 : position + 8 + min(length, 16)]
        position += 8 + length + (length & 1)
        if position > end:
            raise ImageError(_CUT)
        if kind in {b"ANIM", b"ANMF"} or (kind == b"VP8X" and body[:1] and body[0] & 0x02):
            raise ImageError("is animated; only still pictures are accepted")
        if kind == b"VP8X" and len(body) >= 10:
            canvas = (
                int.from_bytes(body[4:7], "little") + 1,
                int.from_bytes(body[7:10], "little") + 1,
            )
        elif kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a" and len(body) >= 10:
            width, height = struct.unpack_from("<HH", body, 6)
            picture = (width & 0x3FFF, height & 0x3FFF)
        elif kind == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
            bits = int.from_bytes(body[1:5], "little")
            picture = ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        elif kind not in {b"VP8 ", b"VP8L", b"ALPH"}:
            _search(data[position - length - (length & 1) : position])
    if picture is None:
        raise ImageError("is damaged: a WebP without a picture")
    if canvas is not None and canvas != picture:
        raise ImageError("is damaged: a WebP whose two sizes disagree")
    return Header("webp", *picture)
