"""A socket that listens on loopback and hands each connection to a thread of its own."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Callable

LOOPBACK = ("127.0.0.1", "::1")
"""The addresses a listener may bind: nothing outside this machine can reach them."""

JOIN = 10.0
"""Seconds until a thread that does not end is reported."""


class Listener:
    """Accepts connections on a free port of `host` until `close`.

    `serve` is called with each connection, in a thread of its own; the connection is closed when it
    returns. With `open=False` the port is taken but nobody listens: connections are refused.
    """

    def __init__(
        self, serve: Callable[[socket.socket], None], host: str = "127.0.0.1", *, open: bool = True
    ) -> None:
        if host not in LOOPBACK:
            raise ValueError(f"host must be one of {', '.join(LOOPBACK)}, got {host!r}")
        self.host = host
        self._serve = serve
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closed = False
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._socket.bind((host, 0))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        if open:
            self._socket.listen(256)
            self._socket.setblocking(False)
            accepting = threading.Thread(
                target=self._accept, name=f"loopback {self.port}", daemon=True
            )
            self._threads.append(accepting)
            accepting.start()

    @property
    def url(self) -> str:
        """The root address, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def refuse(self) -> None:
        """Stop listening: further connections are refused. Open ones stay as they are."""
        with contextlib.suppress(OSError):
            self._wake.send(b"x")

    def close(self) -> None:
        """Close the port and every connection, and wait for the threads."""
        with self._lock:
            self._closed = True
            for connection in self._connections:
                # Closing would free a number that another thread may still read from.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.refuse()
        for thread in list(self._threads):
            if thread is not threading.current_thread():
                thread.join(JOIN)
                if thread.is_alive():
                    raise RuntimeError(f"a thread of the loopback server did not end: {thread!r}")
        self._threads.clear()
        for part in (self._socket, self._wake, self._woken):
            part.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                if any(key.fileobj is self._woken for key, _ in selector.select()):
                    break
                try:
                    connection, _ = self._socket.accept()
                except OSError:
                    continue  # the client left before it was let in
                connection.setblocking(True)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._start(connection)
        self._socket.close()

    def _start(self, connection: socket.socket) -> None:
        with self._lock:
            if self._closed:
                connection.close()
                return
            self._connections.add(connection)
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread = threading.Thread(
                target=self._run, args=(connection,), name=f"loopback {self.port}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _run(self, connection: socket.socket) -> None:
        try:
            # The client may leave at any time; that ends the connection and nothing else.
            with contextlib.suppress(OSError):
                self._serve(connection)
        finally:
            with self._lock:
                self._connections.discard(connection)
                connection.close()


def reset(connection: socket.socket) -> None:
    """Let the connection end with a reset (RST) instead of an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
