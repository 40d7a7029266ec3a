"""The HTTP client that the providers' own clients are given instead of theirs."""

from __future__ import annotations

from typing import Any

import httpx2

from imagerag_chat.http.config import HTTPConfig

CONNECT_SECONDS = 10.0
"""Longest wait for a connection; a host that drops packets is found out before the deadline."""

_KEPT = ("content-type", "location", "retry-after", "retry-after-ms", "request-id", "x-request-id")
"""Headers that are of use. Others are dropped before a provider's client could log them."""


class AnswerTooLargeError(httpx2.RequestError):
    """The body went beyond the limit; the rest was not read."""


class UnaskedEncodingError(httpx2.RequestError):
    """The body is compressed, though it was asked for plain; how large it would grow is unknown."""


class BoundedClient(httpx2.AsyncClient):
    """Follows no redirect, and reads every body whole, plain, and only up to a limit.

    So a body that is cut short, or too long, fails in `send`, where the provider's client expects
    trouble, and never later.
    """

    def __init__(self, config: HTTPConfig) -> None:
        self._limit = int(config.max_answer_mb * 1_000_000)
        super().__init__(
            follow_redirects=False,
            trust_env=config.trust_env,
            # Other limits of time are kept outside, by deadlines that hold for the sum of all.
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            headers={"Accept-Encoding": "identity"},
        )

    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **options: Any
    ) -> httpx2.Response:
        """Send a request and return its response, read to the end; `stream` changes nothing.

        Raises `httpx2.RequestError`, here also for a body that is too large or compressed.
        """
        options["follow_redirects"] = False
        response = await super().send(request, stream=True, **options)
        try:
            encoding = response.headers.get("content-encoding", "identity").strip().lower()
            if encoding not in {"", "identity"}:
                raise UnaskedEncodingError("the body is compressed", request=request)
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > self._limit:
                    raise AnswerTooLargeError(
                        f"more than {self._limit} bytes came", request=request
                    )
        finally:
            await response.aclose()
        kept = [(name, response.headers[name]) for name in _KEPT if name in response.headers]
        return httpx2.Response(
            response.status_code, headers=kept, content=bytes(body), request=request
        )
