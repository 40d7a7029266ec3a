"""Faults of the connection: slow, reset, cut, or not HTTP at all."""

from __future__ import annotations

import gzip

from imagerag.testing.loopback.exchange import FOREVER, Exchange
from imagerag.testing.loopback.fault import Faults

TRANSPORT = Faults()
_fault = TRANSPORT.fault


@_fault("unavailable", retryable=True, seconds=30.0)
def slow_first_byte(exchange: Exchange, seconds: float) -> None:
    """The right answer comes, but its first byte is late."""
    exchange.pause(seconds)
    exchange.succeed()


@_fault("unavailable", retryable=True, seconds=30.0)
def slow_headers(exchange: Exchange, seconds: float) -> None:
    """Headers drip in: every read gets a few bytes, so that no read ever times out."""
    body = exchange.body()
    exchange.drip(exchange.head(200, {"Content-Length": str(len(body))}), seconds)
    exchange.send(body)


@_fault("unavailable", retryable=True, seconds=30.0)
def slow_drip(exchange: Exchange, seconds: float) -> None:
    """The body drips in: every read gets a few bytes, so that no read ever times out."""
    body = exchange.body()
    exchange.send(exchange.head(200, {"Content-Length": str(len(body))}))
    exchange.drip(body, seconds)


@_fault("unavailable", retryable=True, seconds=FOREVER)
def never_answered(exchange: Exchange, seconds: float) -> None:
    """The request is taken, and no byte ever comes back."""
    exchange.last = True
    exchange.pause(seconds)


@_fault("unavailable", retryable=True, seconds=FOREVER)
def stalls_mid_body(exchange: Exchange, seconds: float) -> None:
    """Half of the body comes, then nothing more; the connection stays open."""
    body = exchange.body()
    exchange.last = True
    exchange.send(exchange.head(200, {"Content-Length": str(len(body))}) + body[: len(body) // 2])
    exchange.pause(seconds)


@_fault("unavailable", retryable=True)
def port_closed(exchange: Exchange) -> None:
    """Nobody listens: connections are refused.

    As the first entry of a script, from the start; further on, after the answer before it. The
    server stays closed then, so it comes last.
    """
    exchange.refuse()
    exchange.reset()


@_fault("unavailable", retryable=True)
def reset_before_answer(exchange: Exchange) -> None:
    """The connection is reset once the request has been read."""
    exchange.reset()


@_fault("unavailable", retryable=True)
def closed_before_answer(exchange: Exchange) -> None:
    """The connection ends in good order, without a byte of an answer."""
    exchange.last = True


@_fault("unavailable", retryable=True)
def reset_mid_body(exchange: Exchange) -> None:
    """The connection is reset in the middle of the body."""
    body = exchange.body()
    exchange.send(exchange.head(200, {"Content-Length": str(len(body))}) + body[: len(body) // 2])
    exchange.pause(0.05)  # a reset overtakes bytes that the client has not read yet
    exchange.reset()


@_fault("unavailable malformed", retryable=True)
def body_cut(exchange: Exchange) -> None:
    """The connection ends before Content-Length is reached."""
    body = exchange.body()
    exchange.last = True
    exchange.send(exchange.head(200, {"Content-Length": str(len(body))}) + body[: len(body) // 2])


@_fault("unavailable malformed", retryable=True)
def length_too_long(exchange: Exchange) -> None:
    """The whole body comes, and the connection ends short of the Content-Length announced."""
    body = exchange.body()
    exchange.last = True
    exchange.send(exchange.head(200, {"Content-Length": str(len(body) + 64)}) + body)


@_fault("malformed unavailable", retryable=False)
def length_too_short(exchange: Exchange) -> None:
    """Content-Length covers half of the body; what is read is cut."""
    body = exchange.body()
    exchange.last = True
    exchange.send(exchange.head(200, {"Content-Length": str(len(body) // 2)}) + body)


@_fault("unavailable malformed", retryable=True)
def length_garbage(exchange: Exchange) -> None:
    """Content-Length is not a number."""
    exchange.last = True
    exchange.send(exchange.head(200, {"Content-Length": "many"}) + exchange.body())


@_fault("unavailable malformed", retryable=True)
def length_negative(exchange: Exchange) -> None:
    """Content-Length is -1."""
    exchange.last = True
    exchange.send(exchange.head(200, {"Content-Length": "-1"}) + exchange.body())


@_fault("read", retryable=False)
def no_length(exchange: Exchange) -> None:
    """No Content-Length: the body ends with the connection, which HTTP allows."""
    exchange.last = True
    exchange.send(exchange.head(200, {"Connection": "close"}) + exchange.body())


@_fault("unavailable malformed", retryable=True)
def chunked_cut(exchange: Exchange) -> None:
    """A chunked body whose last chunk never comes."""
    body = exchange.body()
    half = len(body) // 2
    exchange.last = True
    exchange.send(exchange.head(200, {"Transfer-Encoding": "chunked"}))
    exchange.send(f"{half:x}\r\n".encode() + body[:half] + b"\r\n")
    exchange.send(f"{len(body) - half:x}\r\n".encode() + body[half:-5])


@_fault("unavailable malformed", retryable=True)
def chunked_garbage(exchange: Exchange) -> None:
    """A chunked body whose chunk sizes are not numbers."""
    exchange.last = True
    exchange.send(exchange.head(200, {"Transfer-Encoding": "chunked"}))
    exchange.send(b"much\r\n" + exchange.body() + b"\r\n0\r\n\r\n")


@_fault("unavailable malformed", retryable=True)
def not_http(exchange: Exchange) -> None:
    """The answer is the greeting of another protocol."""
    exchange.last = True
    exchange.send(b"220 mail.invalid ESMTP ready\r\n")


@_fault("unavailable malformed", retryable=True)
def huge_header(exchange: Exchange) -> None:
    """A header of a megabyte stands before the right answer."""
    body = exchange.body()
    exchange.last = True
    told = {"Content-Length": str(len(body)), "X-Filler": "x" * 1_000_000}
    exchange.send(exchange.head(200, told) + body)


@_fault("unavailable malformed", retryable=True)
def gzip_garbage(exchange: Exchange) -> None:
    """The body is announced as gzip and is not."""
    exchange.respond(200, exchange.body(), {"Content-Encoding": "gzip"})


@_fault("unavailable malformed", retryable=True)
def gzip_cut(exchange: Exchange) -> None:
    """The compressed body lacks its end."""
    packed = gzip.compress(exchange.body())
    exchange.respond(200, packed[: len(packed) * 2 // 3], {"Content-Encoding": "gzip"})


@_fault("unavailable malformed read", retryable=False)
def gzip_bomb(exchange: Exchange) -> None:
    """64 kB that unpack to 64 MB of blanks around the right answer."""
    body = exchange.body() + b" " * 64_000_000
    exchange.respond(200, gzip.compress(body, 1), {"Content-Encoding": "gzip"})
