"""Faults of the images API: what comes back is no picture, or not the one asked for."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable

from imagerag.testing.loopback.exchange import Exchange
from imagerag.testing.loopback.fault import Faults, Sender

PICTURE = Faults()


def _fault(outcomes: str) -> Callable[[Sender], Sender]:
    return PICTURE.fault(outcomes, retryable=False, only="images")


def _with(exchange: Exchange, picture: object) -> None:
    body = json.loads(exchange.body())
    body["data"] = [picture for _ in body["data"]]
    exchange.respond(200, json.dumps(body).encode())


def _bytes(exchange: Exchange) -> bytes:
    return base64.b64decode(json.loads(exchange.body())["data"][0]["b64_json"])


def _as_data(exchange: Exchange, data: bytes) -> None:
    _with(exchange, {"b64_json": base64.b64encode(data).decode()})


@_fault("error")
def bad_base64(exchange: Exchange) -> None:
    """The picture's data is not base64."""
    _with(exchange, {"b64_json": "%%% this is not base64 %%%"})


@_fault("error")
def cut_base64(exchange: Exchange) -> None:
    """The picture's data ends in the middle of a group of four."""
    _with(exchange, {"b64_json": base64.b64encode(_bytes(exchange)).decode()[:-3]})


@_fault("error")
def not_a_picture(exchange: Exchange) -> None:
    """Right base64 of a web page."""
    _as_data(exchange, b"<html><body>no picture</body></html>")


@_fault("error")
def cut_picture(exchange: Exchange) -> None:
    """A picture whose file lacks its second half."""
    data = _bytes(exchange)
    _as_data(exchange, data[: len(data) // 2])


@_fault("error")
def gif_picture(exchange: Exchange) -> None:
    """A picture in a format that was not asked for."""
    _as_data(exchange, b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00")


@_fault("error")
def picture_bomb(exchange: Exchange) -> None:
    """A PNG of a few hundred bytes that claims 60,000 by 60,000 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = [
        chunk(b"IHDR", header),
        chunk(b"IDAT", zlib.compress(b"\0" * 90_000)),
        chunk(b"IEND", b""),
    ]
    _as_data(exchange, b"\x89PNG\r\n\x1a\n" + b"".join(parts))


@_fault("error")
def picture_as_address(exchange: Exchange) -> None:
    """An address at another port instead of data; whoever fetches it is counted there."""
    _with(exchange, {"url": f"{exchange.elsewhere()}/picture.png"})


@_fault("error")
def empty_picture(exchange: Exchange) -> None:
    """The picture's data is an empty text."""
    _with(exchange, {"b64_json": ""})
