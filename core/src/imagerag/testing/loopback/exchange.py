"""One request and the socket to answer it on: what a fault works with."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from imagerag.testing.loopback import forms
from imagerag.testing.loopback.answer import Answer
from imagerag.testing.loopback.listener import reset
from imagerag.testing.loopback.request import ServerRequest

FOREVER = float("inf")


class ClientLeftError(Exception):
    """The client hung up, or the server is being stopped: there is nobody to answer."""


class Exchange:
    """Answers one request.

    `content` is what a right answer would say (see `Answer`), `elsewhere` gives the address of
    another port of this machine that counts what it receives, and `refuse` closes the server's
    port. After the answer the connection is kept open unless `last` was set.
    """

    def __init__(
        self,
        connection: socket.socket,
        request: ServerRequest,
        number: int,
        *,
        url: str,
        elsewhere: Callable[[], str],
        refuse: Callable[[], None],
    ) -> None:
        self.request = request
        self.number = number
        self.url = url
        self.elsewhere = elsewhere
        self.refuse = refuse
        self.content: Any = None
        self.last = request.headers.get("connection", "").lower() == "close"
        self._connection = connection

    def send(self, data: bytes) -> None:
        """Send bytes as they are. Raises `ClientLeftError`."""
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise ClientLeftError from error

    def drip(self, data: bytes, seconds: float, *, pieces: int = 100) -> None:
        """Send bytes a few at a time, so that all have gone after `seconds`."""
        step = max(1, -(-len(data) // pieces))
        starts = range(0, len(data), step)
        for start in starts:
            self.send(data[start : start + step])
            self.pause(seconds / len(starts))

    def pause(self, seconds: float) -> None:
        """Wait. Raises `ClientLeftError` as soon as the client hangs up."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._connection.settimeout(min(left, 3600.0))
            try:
                if not self._connection.recv(1, socket.MSG_PEEK):
                    raise ClientLeftError
                # The client has sent its next request already; it is still there.
                time.sleep(min(left, 0.02))
            except TimeoutError:
                continue
            except OSError as error:
                raise ClientLeftError from error
            finally:
                self._connection.settimeout(None)

    def reset(self) -> None:
        """End the connection with a reset."""
        reset(self._connection)
        self.last = True

    def body(self, answer: Answer | None = None) -> bytes:
        """Return the JSON of a success; by default of the right answer."""
        told = Answer(self.content) if answer is None else answer
        return json.dumps(forms.success(self.request, told, self.number)).encode()

    def head(self, status: int, headers: Mapping[str, str]) -> bytes:
        """Return the bytes of a status line and headers; those given replace the usual ones."""
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = "Overloaded" if status == 529 else "Unknown"
        told = {
            "Content-Type": "application/json",
            "Server": "loopback",
            **self._usual(),
            **headers,
        }
        lines = [f"HTTP/1.1 {status} {phrase}", *(f"{n}: {v}" for n, v in told.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def respond(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send a whole response with the right Content-Length."""
        told = {"Content-Length": str(len(body)), **(headers or {})}
        if self.last:
            told["Connection"] = "close"
        self.send(self.head(status, told) + (b"" if self.request.method == "HEAD" else body))

    def succeed(self, answer: Answer | None = None) -> None:
        """Send a success; by default the right answer."""
        self.respond(200, self.body(answer))

    def fail(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send an error in the wire format of the request."""
        told = forms.error(self.request, status, message, code=code, param=param, kind=kind)
        self.respond(status, json.dumps(told).encode(), headers)

    def _usual(self) -> dict[str, str]:
        name = "request-id" if self.request.wire == "anthropic" else "x-request-id"
        return {name: f"req_loopback{self.number:06d}"}
