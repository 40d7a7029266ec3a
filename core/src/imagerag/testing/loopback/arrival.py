"""Reading one HTTP/1.1 request off a socket, as bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

MAX_LINE = 65_536
MAX_HEADERS = 200
MAX_BODY = 512_000_000
"""Bytes of a body that are accepted: far more than sixteen pictures as base64."""


@dataclass(frozen=True)
class Arrival:
    """A request as it came. Names of headers are in lower case; `body` is de-chunked."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def read(stream: BinaryIO) -> Arrival | None:
    """Return the next request of a connection, None where the client has finished.

    Raises `ValueError` for what is not HTTP/1.1.
    """
    line = stream.readline(MAX_LINE)
    if not line:
        return None
    parts = line.decode("latin-1").split()
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise ValueError(f"not a request line: {line[:80]!r}")
    headers = _headers(stream)
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _chunks(stream)
    else:
        body = _exactly(stream, int(headers.get("content-length", "0")))
    return Arrival(parts[0], parts[1], headers, body)


def digest(text: str) -> str:
    """Return what stands in a record instead of a secret."""
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()}"


def _headers(stream: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MAX_HEADERS):
        line = stream.readline(MAX_LINE).decode("latin-1").rstrip("\r\n")
        if not line:
            return headers
        name, _, value = line.partition(":")
        name = name.strip().lower()
        value = value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    raise ValueError(f"more than {MAX_HEADERS} headers")


def _exactly(stream: BinaryIO, size: int) -> bytes:
    if not 0 <= size <= MAX_BODY:
        raise ValueError(f"a body of {size} bytes")
    body = stream.read(size)
    if len(body) < size:
        raise ValueError(f"the body ended after {len(body)} of {size} bytes")
    return body


def _chunks(stream: BinaryIO) -> bytes:
    parts: list[bytes] = []
    while size := int(stream.readline(MAX_LINE).partition(b";")[0].strip(), 16):
        parts.append(_exactly(stream, size))
        stream.readline(MAX_LINE)
    _headers(stream)
    return b"".join(parts)
