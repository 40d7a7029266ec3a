"""Faults of the body: a response under 200 that is not what the provider documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from imagerag.testing.loopback.exchange import Exchange
from imagerag.testing.loopback.fault import Faults

BODY = Faults()
_fault = BODY.fault

DEEP = 100_000
LARGE = 10_000_000


@_fault("malformed unavailable", retryable=False)
def html_page(exchange: Exchange) -> None:
    """A web page under 200, as a captive portal or a wrong base_url gives."""
    page = b"<!doctype html><html><body>Please sign in to the network.</body></html>"
    exchange.respond(200, page, {"Content-Type": "text/html; charset=utf-8"})


@_fault("malformed unavailable", retryable=False)
def html_as_json(exchange: Exchange) -> None:
    """A web page that claims to be JSON."""
    exchange.respond(200, b"<html><body>Welcome to nginx!</body></html>")


@_fault("malformed unavailable", retryable=False)
def empty_body(exchange: Exchange) -> None:
    """200 with no byte of a body."""
    exchange.respond(200, b"")


@_fault("malformed unavailable", retryable=False)
def no_content(exchange: Exchange) -> None:
    """204: done, nothing to say."""
    exchange.send(exchange.head(204, {}))


@_fault("malformed unavailable", retryable=False)
def invalid_json(exchange: Exchange) -> None:
    """A body with single quotes and a trailing comma."""
    exchange.respond(200, b"{'id': 'chatcmpl-1', 'choices': [],}")


@_fault("malformed unavailable", retryable=False)
def cut_json(exchange: Exchange) -> None:
    """Half of the JSON, under the right Content-Length."""
    body = exchange.body()
    exchange.respond(200, body[: len(body) // 2])


@_fault("malformed unavailable", retryable=False)
def other_shape(exchange: Exchange) -> None:
    """JSON of another service."""
    exchange.respond(200, b'{"status": "ok", "hits": [1, 2, 3]}')


@_fault("malformed unavailable", retryable=False)
def json_list(exchange: Exchange) -> None:
    """A list where an object should be."""
    exchange.respond(200, b"[" + exchange.body() + b"]")


@_fault("malformed unavailable", retryable=False)
def json_null(exchange: Exchange) -> None:
    """The JSON value null."""
    exchange.respond(200, b"null")


@_fault("malformed unavailable", retryable=False)
def cut_character(exchange: Exchange) -> None:
    """The body ends in the middle of a character of UTF-8."""
    exchange.respond(200, exchange.body()[:-2] + b'"\xe2\x82')


@_fault("malformed unavailable", retryable=False)
def wrong_encoding(exchange: Exchange) -> None:
    """A body that is no UTF-8 whatever one tries."""
    exchange.respond(200, b'{"id": "\xff\xfe\xc3\x28", "choices": [\xa0\xa1]}')


@_fault("read malformed unavailable", retryable=False)
def wrong_content_type(exchange: Exchange) -> None:
    """The right answer, announced as plain text."""
    exchange.respond(200, exchange.body(), {"Content-Type": "text/plain"})


@_fault("malformed unavailable", retryable=False)
def deep_body(exchange: Exchange) -> None:
    """100,000 brackets: a parser that recurses runs out of stack."""
    exchange.respond(200, b"[" * DEEP + b"]" * DEEP)


@_fault("malformed unavailable error", retryable=False)
def error_under_200(exchange: Exchange) -> None:
    """The provider's error object, but under 200, as some proxies do."""
    exchange.respond(200, b'{"error": {"message": "upstream failed", "type": "server_error"}}')


def _answers(body: dict[str, Any], wire: str) -> list[Any]:
    name = {"anthropic": "content", "images": "data"}.get(wire, "choices")
    found: list[Any] = body[name]
    return found


def _spoiled(exchange: Exchange, spoil: Callable[[dict[str, Any], str], None]) -> None:
    body = json.loads(exchange.body())
    spoil(body, exchange.request.wire)
    exchange.respond(200, json.dumps(body).encode())


def _set_answers(exchange: Exchange, value: Any) -> None:
    name = {"anthropic": "content", "images": "data"}.get(exchange.request.wire, "choices")
    _spoiled(exchange, lambda body, wire: body.__setitem__(name, value))


@_fault("malformed unavailable", retryable=False)
def no_answers(exchange: Exchange) -> None:
    """`choices` (`content`, `data`) is an empty list."""
    _set_answers(exchange, [])


@_fault("malformed unavailable", retryable=False)
def null_answers(exchange: Exchange) -> None:
    """`choices` (`content`, `data`) is null."""
    _set_answers(exchange, None)


@_fault("malformed unavailable", retryable=False)
def answers_as_text(exchange: Exchange) -> None:
    """`choices` (`content`, `data`) is a text where a list should be."""
    _set_answers(exchange, "hedgehog")


@_fault("malformed unavailable", retryable=False)
def missing_answer(exchange: Exchange) -> None:
    """A choice without message, a block without text, a picture without data."""

    def spoil(body: dict[str, Any], wire: str) -> None:
        for name in ("message", "text", "b64_json"):
            _answers(body, wire)[0].pop(name, None)

    _spoiled(exchange, spoil)


def _set_content(exchange: Exchange, value: Any) -> None:
    def spoil(body: dict[str, Any], wire: str) -> None:
        first = _answers(body, wire)[0]
        name = {"anthropic": "text", "images": "b64_json"}.get(wire, "content")
        (first["message"] if wire == "openai" else first)[name] = value

    _spoiled(exchange, spoil)


@_fault("malformed unavailable", retryable=False)
def null_content(exchange: Exchange) -> None:
    """The answer is null, and there is no refusal to go with it."""
    _set_content(exchange, None)


@_fault("malformed unavailable", retryable=False)
def content_as_number(exchange: Exchange) -> None:
    """The answer is a number where a text should be."""
    _set_content(exchange, 42)


@_fault("malformed unavailable", retryable=False)
def content_as_object(exchange: Exchange) -> None:
    """The answer is an object where a text should be."""
    _set_content(exchange, {"parts": [{"text": "hedgehog"}]})


@_fault("malformed unavailable", retryable=False)
def large_content(exchange: Exchange) -> None:
    """The answer is a text of 10 MB."""
    _set_content(exchange, "hedgehog " * (LARGE // 9))


@_fault("read", retryable=False)
def wrong_model(exchange: Exchange) -> None:
    """A right answer by a model that was not asked for."""
    _spoiled(exchange, lambda body, wire: body.__setitem__("model", "somebody-elses-model"))


@_fault("read malformed", retryable=False)
def wrong_usage(exchange: Exchange) -> None:
    """A right answer whose count of tokens is garbage; the cost is then unknown."""
    usage = {"prompt_tokens": "many", "completion_tokens": -5, "input_tokens": [], "total": None}
    _spoiled(exchange, lambda body, wire: body.__setitem__("usage", usage))


@_fault("read", retryable=False)
def null_usage(exchange: Exchange) -> None:
    """A right answer with `usage: null`, as local servers give; the cost is then unknown."""
    _spoiled(exchange, lambda body, wire: body.__setitem__("usage", None))


@_fault("read malformed", retryable=False)
def extra_keys(exchange: Exchange) -> None:
    """A right answer with keys that nobody knows, at every level."""

    def spoil(body: dict[str, Any], wire: str) -> None:
        for part in (body, _answers(body, wire)[0]):
            part["x_vendor"] = {"trace": [1, {"deep": None}]}

    _spoiled(exchange, spoil)
