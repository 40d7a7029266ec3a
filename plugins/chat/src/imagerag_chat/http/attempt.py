"""What came of one request: an answer, or trouble that may pass, or trouble that stays."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import anyio
import httpx2

from imagerag.text import clean
from imagerag_chat.http.client import AnswerTooLargeError, UnaskedEncodingError
from imagerag_chat.http.place import host_of
from imagerag_chat.http.retry_after import retry_after

Kind: TypeAlias = Literal["answer", "denied", "filtered", "passing", "lasting"]
"""`passing` trouble is worth another attempt; `denied` means that the key was not accepted."""

_PASSING = {408, 409, 429}
"""Statuses below 500 that may be another one soon: request timeout, conflict, too many requests."""

_UNPAID = {429, 503, 529}
"""Statuses from 500 on, and 429, at which the model was not run, so nothing is charged."""

_FILTERED = {"content_filter", "content_policy_violation", "moderation_blocked"}
_FILTERED_WORDS = "blocked by content filtering policy"
"""Anthropic has no code for it, and these words."""

_EXHAUSTED = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}


@dataclass(frozen=True)
class Attempt:
    """What came of one request.

    `body` is the JSON object that came, also with an error; `status` is None where no response
    came. `note` says in words what went wrong. `wait` is how many seconds the server asks to be
    left alone. `charge` is False where the provider charges nothing, and None where it may have
    charged for an answer that was lost.
    """

    kind: Kind
    status: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    wait: float | None = None
    charge: bool | None = False


def judged(response: httpx2.Response) -> Attempt:
    """Say what a response means."""
    status, headers = response.status_code, response.headers
    body = _object(response.content)
    if 200 <= status < 300:
        if body is None:
            kind = clean(headers.get("content-type", "no content type"), 60)
            note = f"the server answered {status} with something that is no JSON object ({kind})"
            return Attempt("passing", status, note=note, charge=None)
        return Attempt("answer", status, body, charge=True)
    if 300 <= status < 400:
        target = clean(host_of(headers.get("location", "")), 100) or "another path"
        note = f"the server redirects to {target}, which is not followed: mend base_url"
        return Attempt("lasting", status, note=note)
    body = body or {}
    said = message_of(body).rstrip(".") or "without a word"
    note, code = f"the server answered {status}: {said}", code_of(body)
    if status in {401, 403}:
        return Attempt("denied", status, body, note)
    if code in _FILTERED or _FILTERED_WORDS in said.lower():
        return Attempt("filtered", status, body, note)
    if code in _EXHAUSTED or status == 402:
        note += "; the account has no credit left: add some, or use another provider"
        return Attempt("lasting", status, body, note)
    if status in _PASSING or status >= 500:
        charge = False if status < 500 or status in _UNPAID else None
        return Attempt("passing", status, body, note, retry_after(headers), charge)
    return Attempt("lasting", status, body, note)


def failed(error: Exception, host: str) -> Attempt | None:
    """Say what an exception of a provider's client means, None where it is a defect of ours."""
    for cause in _chain(error):
        name = type(cause).__name__
        if isinstance(getattr(cause, "response", None), httpx2.Response):
            return judged(cause.response)  # type: ignore[attr-defined]
        if isinstance(cause, AnswerTooLargeError):
            return Attempt("lasting", note=f"the answer is too large: {cause}", charge=None)
        if isinstance(cause, UnaskedEncodingError):
            return Attempt("lasting", note="the answer is compressed, unasked", charge=None)
        if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
            why = clean(str(cause), 150).rstrip(".") or "no reason given"
            return Attempt("passing", note=f"no connection to {host} ({name}: {why})")
        if isinstance(cause, httpx2.UnsupportedProtocol | httpx2.LocalProtocolError):
            return Attempt("lasting", note=f"no request could be made ({name})")
        if isinstance(cause, httpx2.RequestError | ssl.SSLError | anyio.EndOfStream | OSError):
            return Attempt("passing", note=f"the connection broke off ({name})", charge=None)
    return None


def message_of(body: Mapping[str, Any]) -> str:
    """Return what an error body says, plain and short, in any of the shapes that servers use."""
    error = body.get("error", body)
    if isinstance(error, Mapping):
        error = error.get("message") or error.get("detail") or ""
    return clean(error if isinstance(error, str) else json.dumps(error, default=str), 300)


def code_of(body: Mapping[str, Any]) -> str:
    """Return the code or type of an error body, "" where it has none."""
    error = body.get("error")
    if isinstance(error, Mapping):
        for name in ("code", "type"):
            if isinstance(error.get(name), str) and error[name] in _FILTERED | _EXHAUSTED:
                return str(error[name])
    return ""


def _object(content: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
