"""Faults by status: errors in the providers' own words, limits, and redirects."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate

from imagerag.testing.loopback.exchange import Exchange
from imagerag.testing.loopback.fault import Faults

STATUS = Faults()
_fault = STATUS.fault

LOOP = "/redirected-in-a-circle"
"""Where a request is sent to the same address again, for ever."""

REDIRECTED = "/redirected"
"""Where a client ends that follows a redirect within this server."""


@_fault("unavailable malformed error", retryable=False)
def bad_request(exchange: Exchange) -> None:
    """400: something about the request is wrong."""
    exchange.fail(400, "We could not understand the request.")


@_fault("unavailable malformed error", retryable=False, only="openai anthropic")
def schema_unsupported(exchange: Exchange) -> None:
    """400: this server or model knows no JSON schema; for the ladder of answer formats."""
    exchange.fail(
        400,
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this "
        "model.",
        param="response_format",
    )


@_fault("filtered unavailable error", retryable=False)
def content_policy(exchange: Exchange) -> None:
    """400: the request was stopped by the content policy, before any answer."""
    if exchange.request.wire == "images":
        exchange.fail(
            400,
            "Your request was rejected by the safety system.",
            code="moderation_blocked",
            kind="image_generation_user_error",
        )
    elif exchange.request.wire == "anthropic":
        exchange.fail(400, "Output blocked by content filtering policy")
    else:
        exchange.fail(
            400,
            "The response was filtered due to the prompt triggering the content management policy.",
            code="content_policy_violation",
            param="prompt",
        )


@_fault("unavailable malformed truncated error", retryable=False, only="openai anthropic")
def context_too_long(exchange: Exchange) -> None:
    """400: prompt and image are more than the model reads."""
    exchange.fail(
        400,
        "prompt is too long: 210000 tokens > 200000 maximum",
        code="context_length_exceeded",
        param="messages",
    )


@_fault("error", retryable=False)
def wrong_key(exchange: Exchange) -> None:
    """401: the key is wrong. The message quotes a piece of it, as OpenAI's does."""
    exchange.fail(401, "Incorrect API key provided: sk-lo****back.", code="invalid_api_key")


@_fault("error", retryable=False)
def forbidden(exchange: Exchange) -> None:
    """403: the key may not use this model, or not from this country."""
    exchange.fail(403, "Project does not have access to this model.", code="model_not_found")


@_fault("unavailable error", retryable=False)
def not_found(exchange: Exchange) -> None:
    """404: there is no such model."""
    exchange.fail(
        404,
        f"The model '{exchange.request.model}' does not exist or you do not have access to it.",
        code="model_not_found",
    )


@_fault("unavailable error", retryable=True)
def request_timeout(exchange: Exchange) -> None:
    """408: the server waited for the request for too long."""
    exchange.fail(408, "Request timed out.")


@_fault("unavailable error", retryable=True)
def conflict(exchange: Exchange) -> None:
    """409: another request holds a lock."""
    exchange.fail(409, "The resource is being changed by another request.")


@_fault("unavailable error", retryable=False)
def too_large(exchange: Exchange) -> None:
    """413: the request is larger than the server takes; the page is a proxy's."""
    page = b"<html><head><title>413 Request Entity Too Large</title></head></html>"
    exchange.respond(413, page, {"Content-Type": "text/html"})


@_fault("unavailable malformed error", retryable=False)
def unprocessable(exchange: Exchange) -> None:
    """422: the request has the right form, and values that make no sense, in FastAPI's words."""
    body = b'{"detail":[{"loc":["body","temperature"],"msg":"not a float","type":"type_error"}]}'
    exchange.respond(422, body)


def _limited(name: str, about: str, header: Callable[[], dict[str, str]]) -> None:
    def send(exchange: Exchange) -> None:
        exchange.fail(
            429,
            "Rate limit reached for requests. Please try again later.",
            code="rate_limit_exceeded",
            headers=header(),
        )

    send.__name__, send.__doc__ = name, about
    _fault("unavailable error", retryable=True)(send)


def _in(seconds: float) -> str:
    return formatdate(time.time() + seconds, usegmt=True)


_limited("rate_limit", "429 without Retry-After.", dict)
_limited("rate_limit_seconds", "429, Retry-After: 1 second.", lambda: {"Retry-After": "1"})
_limited(
    "rate_limit_milliseconds",
    "429, retry-after-ms: 50, which the SDKs of both providers know.",
    lambda: {"retry-after-ms": "50"},
)
_limited(
    "rate_limit_date",
    "429, Retry-After as a date one or two seconds ahead.",
    lambda: {"Retry-After": _in(2)},
)
_limited(
    "rate_limit_past",
    "429, Retry-After as a date long past.",
    lambda: {"Retry-After": _in(-86_400)},
)
_limited(
    "rate_limit_huge",
    "429, Retry-After: 90 seconds, beyond most deadlines.",
    lambda: {"Retry-After": "90"},
)
_limited("rate_limit_negative", "429, Retry-After: -5.", lambda: {"Retry-After": "-5"})
_limited(
    "rate_limit_garbage",
    "429, Retry-After is neither a number nor a date.",
    lambda: {"Retry-After": "after the tea"},
)
_limited(
    "rate_limit_infinite",
    "429, Retry-After reads as a number without end.",
    lambda: {"Retry-After": "inf"},
)


@_fault("unavailable error", retryable=False)
def quota_used_up(exchange: Exchange) -> None:
    """429: not a limit of speed but the end of the money; waiting does not help."""
    if exchange.request.wire == "anthropic":
        exchange.fail(
            400, "Your credit balance is too low to access the API.", kind="invalid_request_error"
        )
        return
    exchange.fail(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        code="insufficient_quota",
        kind="insufficient_quota",
    )


@_fault("unavailable error", retryable=True)
def server_error(exchange: Exchange) -> None:
    """500: the server had an error."""
    exchange.fail(500, "The server had an error while processing your request.")


@_fault("unavailable error", retryable=True)
def bad_gateway(exchange: Exchange) -> None:
    """502 from a proxy, with a page."""
    page = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
    exchange.respond(502, page, {"Content-Type": "text/html"})


@_fault("unavailable error", retryable=True)
def service_unavailable(exchange: Exchange) -> None:
    """503: overloaded."""
    exchange.fail(503, "The engine is currently overloaded, please try again later.")


@_fault("unavailable error", retryable=True)
def gateway_timeout(exchange: Exchange) -> None:
    """504 from a proxy, with an empty body."""
    exchange.respond(504, b"", {"Content-Type": "text/html"})


@_fault("unavailable error", retryable=True)
def overloaded(exchange: Exchange) -> None:
    """529: Anthropic's status for overload, which HTTP does not know."""
    exchange.fail(529, "Overloaded")


@_fault("unavailable error", retryable=False)
def redirect_here(exchange: Exchange) -> None:
    """307 to another path of the same server, where a right answer waits."""
    exchange.respond(307, b"", {"Location": f"{REDIRECTED}{exchange.request.path}"})


@_fault("unavailable error", retryable=False)
def redirect_elsewhere(exchange: Exchange) -> None:
    """307 to another port, which counts what it receives: a client must not take its body there."""
    exchange.respond(307, b"", {"Location": f"{exchange.elsewhere()}{exchange.request.path}"})


@_fault("unavailable error", retryable=False)
def redirect_as_get(exchange: Exchange) -> None:
    """302 to another port; clients that follow it send a GET."""
    exchange.respond(302, b"", {"Location": f"{exchange.elsewhere()}{exchange.request.path}"})


@_fault("unavailable error", retryable=False)
def redirect_loop(exchange: Exchange) -> None:
    """307 to an address that redirects to itself."""
    exchange.respond(307, b"", {"Location": LOOP})


@_fault("unavailable error", retryable=False)
def redirect_nowhere(exchange: Exchange) -> None:
    """301 without a Location."""
    exchange.respond(301, b"")
