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


@dataclass(frozen=True)
class Header:
    """What a file says of itself: its format and its size in pixels, before any rotation."""

    format: Format
    width: int
    height: int


_PNG = b"\x89PNG\r\n\x1a\n"
_CUT = "is cut short"

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
_TAIL_ANYWHERE = re.compile(rb"%PDF-|<\?php|<script|<html|<!doctype|<svg", re.IGNORECASE)
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


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


def _jpeg(data: bytes) -> Header:
    size: tuple[int, int] | None = None
    position = 2
    while True:
        while data[position : position + 2] == b"\xff\xff":
            position += 1
        if position + 4 > len(data) and data[position : position + 2] != b"\xff\xd9":
            raise ImageError(_CUT)
        if data[position] != 0xFF:
            raise ImageError("is damaged: a JPEG marker is missing")
        marker = data[position + 1]
        if marker == 0xD9:
            break
        (length,) = struct.unpack_from(">H", data, position + 2)
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            if length < 8 or position + 9 > len(data):
                raise ImageError(_CUT)
            height, width = struct.unpack_from(">HH", data, position + 5)
            if size is not None and size != (width, height):
                raise ImageError("holds two pictures of different size in one JPEG")
            size = (width, height)
        position += 2 + max(length, 2)
        if marker == 0xDA:
            # Compressed data follows, in which 0xFF is always escaped or a restart marker.
            found = _MARKER.search(data, position)
            if found is None:
                raise ImageError(_CUT)
            position = found.start()
    if size is None:
        raise ImageError("is damaged: a JPEG without a picture")
    tail = data[position + 2 :]
    ends_as_zip = b"PK\x05\x06" in tail[-66_000:] and b"PK\x03\x04" in tail
    if ends_as_zip or _TAIL_START.match(tail) or _TAIL_ANYWHERE.search(tail):
        raise ImageError("hides another file behind the JPEG picture")
    return Header("jpg", *size)


def _png(data: bytes) -> Header:
    if data[12:16] != b"IHDR" or len(data) < 33:
        raise ImageError(_CUT if len(data) < 33 else "is damaged: a PNG without a header")
    width, height = struct.unpack_from(">II", data, 16)
    position = len(_PNG)
    while True:
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
        position = end
        if kind == b"IEND":
            break
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
    while position + 8 <= end:
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
    if picture is None:
        raise ImageError("is damaged: a WebP without a picture")
    if canvas is not None and canvas != picture:
        raise ImageError("is damaged: a WebP whose two sizes disagree")
    return Header("webp", *picture)
