"""A server on loopback that keeps count of what it receives, and the way to it."""

from __future__ import annotations

import dataclasses
import http.client
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL.Image import Image

MARK = b"CANARY"
"""Stands in every text and every row of pixels of a private image, and in its file."""


class Server:
    """Receives bodies; counts them by sender, and how often each held something private."""

    def __init__(self):
        self.received, self.private, self.bytes = Counter(), Counter(), 0
        self.secret_vectors = set()
        self.allowed = ()  # names of components that may see what is private now
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.take(self.path.strip("/"), body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def take(self, sender, body):
        self.received[sender] += 1
        self.bytes += len(body)
        found = body.count(MARK) * len(MARK)
        found += sum(len(vector) for vector in self.secret_vectors if vector in body)
        if found and f"far-{sender}" not in self.allowed:
            self.private[sender] += found

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class Wire:
    """One kept connection to the server."""

    connection = None

    @classmethod
    def open(cls, port):
        cls.connection = http.client.HTTPConnection("127.0.0.1", port)

    @classmethod
    def close(cls):
        cls.connection.close()

    @classmethod
    def send(cls, sender, *values):
        cls.connection.request("POST", f"/{sender}", b"\n".join(map(packed, values)))
        cls.connection.getresponse().read()


def packed(value):
    """Return whatever a component was given as bytes, pixels and all."""
    if isinstance(value, Image):
        return value.convert("RGB").tobytes()
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return b"\n".join(packed(each) for pair in value.items() for each in pair)
    if isinstance(value, (list, tuple, set)):
        return b"\n".join(map(packed, value))
    if dataclasses.is_dataclass(value):
        return b"\n".join(packed(getattr(value, f.name)) for f in dataclasses.fields(value))
    return str(value).encode()
