"""One request over HTTP with the standard library, bounded in time and in size.

A timeout of a socket starts anew with every byte, so a server that drips could hold a caller for
hours. Here a timer cuts the connection from outside when the whole time is up. Redirects are not
followed, and nothing compressed is asked for or unpacked.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

LARGEST = 1_000_000
"""Bytes of an answer that are read. A review takes a few hundred."""


class NoAnswerError(Exception):
    """Nothing usable came back in time; the message says why, without the server's own words."""


@dataclass(frozen=True)
class Response:
    """A whole response: its status and its bytes."""

    status: int
    body: bytes


def post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Response:
    """Send one POST request and return the response, within `seconds`.

    Looking up a host's name is the one step that the operating system does not let be cut short.

    Raises:
        NoAnswerError: No whole response came in time, or it is not what HTTP allows.
    """
    end = time.monotonic() + seconds
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    late = threading.Event()
    timer: threading.Timer | None = None
    try:
        connection.connect()
        left = end - time.monotonic()
        if left <= 0:
            raise NoAnswerError(f"no answer within {seconds:g} s")
        timer = threading.Timer(left, _cut, [connection.sock, late])
        timer.daemon = True
        timer.start()
        connection.request("POST", parts.path, body, {**headers, "Accept-Encoding": "identity"})
        response = connection.getresponse()
        data = _read(response)
        # A body without a length ends with the connection, so one that was cut looks whole.
        if late.is_set():
            raise NoAnswerError(f"no answer within {seconds:g} s")
        return Response(response.status, data)
    except (OSError, HTTPException, ValueError) as error:
        if late.is_set() or isinstance(error, TimeoutError):
            raise NoAnswerError(f"no answer within {seconds:g} s") from error
        # The class, and not the message: that may quote what the server sent.
        raise NoAnswerError(f"the connection failed ({type(error).__name__})") from error
    finally:
        if timer is not None:
            timer.cancel()
        connection.close()


def _cut(connected: socket.socket, late: threading.Event) -> None:
    late.set()
    with suppress(OSError):  # it has ended by itself
        connected.shutdown(socket.SHUT_RDWR)


def _read(response: HTTPResponse) -> bytes:
    """Read a body whole, or say why it is none."""
    length = response.getheader("Content-Length")
    if length is not None and not (length.isascii() and length.isdecimal()):
        raise NoAnswerError("the response's length is no number")
    if response.getheader("Content-Encoding", "identity") != "identity":
        raise NoAnswerError("the response is compressed, which was not asked for")
    data = response.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise NoAnswerError(f"the response is larger than {LARGEST} bytes")
    if length is not None and response.status != 204 and len(data) < int(length):
        raise NoAnswerError("the response was cut short")
    return data
