"""The server: it listens on loopback, records, and answers by its script."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from imagerag.testing.loopback.answer import Answer, Plain
from imagerag.testing.loopback.arrival import read
from imagerag.testing.loopback.exchange import ClientLeftError, Exchange
from imagerag.testing.loopback.fault import Fault
from imagerag.testing.loopback.listener import Listener
from imagerag.testing.loopback.request import ServerRequest, Wire, take_apart
from imagerag.testing.loopback.status_faults import LOOP, REDIRECTED

if TYPE_CHECKING:
    from PIL.Image import Image

    Entry: TypeAlias = Answer | Plain | Fault | str | Image | Mapping[str, Any] | list[Any] | None

Script: TypeAlias = "Sequence[Entry] | Callable[[ServerRequest], Entry]"
"""What to answer: a list, used in order, the last entry repeated; or a function of the request."""


class LoopbackVLM:
    """A server of models on this machine, to be used as a context manager.

    An entry of a script is a text, a value that is sent as JSON text, a picture (for the images
    API), an `Answer`, a `Plain` response, a `Fault`, or None for a value of the schema asked for.
    `script` may also be a mapping from wire format to a script of its own: "openai" (chat
    completions), "anthropic", "images", "models". The list of models is answered without a script.
    What a script has no entry for is answered with 404.

    `key` is the key that clients should send: records then say whether it came, and whether it
    stood where it should not. `host` is "127.0.0.1" or "::1"; nothing else can be bound.

    Attributes:
        requests: What arrived, in the order of arrival; redirected requests among them.
        elsewhere: What arrived at the other port, to which some faults send clients.
        peak: The most requests that were being answered at one time.
    """

    def __init__(
        self,
        script: Script | Mapping[Wire, Script] = (None,),
        *,
        key: str | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.requests: list[ServerRequest] = []
        self.elsewhere: list[ServerRequest] = []
        self.peak = 0
        self._scripts = _by_wire(script)
        self._key = key
        self._host = host
        self._lock = threading.Lock()
        self._used: dict[int, int] = {}
        self._answering = 0
        self._number = 0
        self._started = 0.0
        self._main: Listener | None = None
        self._other: Listener | None = None

    @property
    def url(self) -> str:
        """The root of the server, "http://127.0.0.1:PORT"."""
        if self._main is None:
            raise RuntimeError("the server is not running: use it as a context manager")
        return self._main.url

    @property
    def openai_url(self) -> str:
        """What OpenAI's client takes as `base_url`."""
        return f"{self.url}/v1"

    @property
    def anthropic_url(self) -> str:
        """What Anthropic's client takes as `base_url`."""
        return self.url

    def asked(self, wire: Wire) -> list[ServerRequest]:
        """Return the requests of one wire format."""
        return [request for request in self.requests if request.wire == wire]

    def __enter__(self) -> Self:
        if self._main is not None:
            raise RuntimeError("the server is running already")
        self._started = time.monotonic()
        self._main = Listener(self._serve, self._host, open=not self._closed_at(0))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for listener in (self._main, self._other):
            if listener is not None:
                listener.close()
        self._main = self._other = None

    def _serve(self, connection: socket.socket) -> None:
        """Answer the requests of one connection, one after another."""
        port = connection.getsockname()[1]
        url = self.url
        with connection.makefile("rb") as stream:
            while True:
                try:
                    arrival = read(stream)
                except ValueError:
                    return
                if arrival is None:
                    return
                at = time.monotonic() - self._started
                request = take_apart(arrival, at=at, port=port, key=self._key)
                exchange = self._begin(connection, request, url)
                try:
                    self._answer(exchange, port)
                except ClientLeftError:
                    return
                finally:
                    with self._lock:
                        self._answering -= 1
                if exchange.last:
                    return

    def _begin(self, connection: socket.socket, request: ServerRequest, url: str) -> Exchange:
        with self._lock:
            here = url.endswith(f":{request.port}")
            (self.requests if here else self.elsewhere).append(request)
            self._number += 1
            self._answering += 1
            self.peak = max(self.peak, self._answering)
            number = self._number
        return Exchange(
            connection, request, number, url=url, elsewhere=self._elsewhere, refuse=self._refuse
        )

    def _answer(self, exchange: Exchange, port: int) -> None:
        request = exchange.request
        redirected = request.path.startswith(REDIRECTED) or not exchange.url.endswith(f":{port}")
        if request.path.startswith(LOOP):
            exchange.respond(307, b"", {"Location": LOOP})
        elif redirected or (request.wire == "models" and "models" not in self._scripts):
            exchange.succeed()
        else:
            script = self._scripts.get(request.wire)
            if script is None:
                exchange.fail(404, f"Unknown request URL: {request.method} {request.path}.")
                return
            entry, closes = self._next(script, request)
            exchange.last = exchange.last or closes
            _send(exchange, entry)
            if closes:
                self._refuse()

    def _next(self, script: Script, request: ServerRequest) -> tuple[Entry, bool]:
        """Return the next entry, and whether the port closes after it."""
        if callable(script):
            return script(request), False
        with self._lock:
            number = self._used.get(id(script), 0)
            self._used[id(script)] = number + 1
        entry = script[min(number, len(script) - 1)]
        following = script[number + 1] if number + 1 < len(script) else None
        return entry, _is_closing(following)

    def _closed_at(self, number: int) -> bool:
        return any(
            not callable(script) and _is_closing(script[number])
            for script in self._scripts.values()
        )

    def _refuse(self) -> None:
        if self._main is not None:
            self._main.refuse()

    def _elsewhere(self) -> str:
        with self._lock:
            if self._other is None:
                self._other = Listener(self._serve, self._host)
            return self._other.url


def _by_wire(script: Any) -> dict[Wire, Script]:
    if not isinstance(script, Mapping):
        script = dict.fromkeys(("openai", "anthropic", "images"), script)
    for wire, entries in script.items():
        if wire not in ("openai", "anthropic", "images", "models"):
            raise ValueError(f"{wire!r} is no wire format; a JSON answer stands in a list: [{{…}}]")
        if callable(entries):
            continue
        if isinstance(entries, str) or not isinstance(entries, Sequence) or not entries:
            raise ValueError(f"a script is a list with at least one entry, got {entries!r}")
        if any(_is_closing(entry) for entry in entries[:-1]):
            raise ValueError("'port_closed' ends a script: no request can come after it")
    return dict(script)


def _is_closing(entry: Any) -> bool:
    return isinstance(entry, Fault) and entry.name == "port_closed"


def _send(exchange: Exchange, entry: Any) -> None:
    request = exchange.request
    if isinstance(entry, Fault):
        if request.wire not in entry.outcomes:
            entry = Plain(501, f"the fault {entry.name!r} does not exist in {request.wire!r}")
        else:
            exchange.content = entry.content
            entry.send(exchange, entry.seconds)
            return
    if isinstance(entry, Plain):
        exchange.pause(entry.seconds)
        body = entry.body.encode() if isinstance(entry.body, str) else entry.body
        exchange.respond(entry.status, body, entry.headers)
        return
    answer = entry if isinstance(entry, Answer) else Answer(entry)
    exchange.pause(answer.seconds)
    exchange.succeed(answer)
