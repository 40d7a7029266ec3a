"""What a server was found to understand, so that later calls begin with what works."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, replace
from typing import Any

from imagerag_chat.http.attempt import Attempt

_REFUSED = {400, 404, 405, 415, 422, 500, 501}
"""Statuses with which servers answer to a field of the request that they do not know."""

_FORMAT = re.compile(
    r"response_format|json_schema|json_object|json schema|structured|output_config|output_format"
    r"|grammar|guided|tool_choice|forced tool|tool use|\btools?\b",
    re.IGNORECASE,
)
_UNKNOWN = re.compile(
    r"not support|unsupported|unrecogni[sz]ed|unknown|unexpected|extra (?:field|input|argument)"
    r"|not permitted|not allowed|deprecated|instead|only (?:the default|be set)",
    re.IGNORECASE,
)
"""By these words a field itself is refused, rather than its value."""

_OTHER = {"max_completion_tokens": "max_tokens", "max_tokens": "max_completion_tokens"}


@dataclass(frozen=True)
class Manners:
    """How to ask: the rung of the ladder of answer formats, and which fields to send.

    `rung` 0 asks for a strict JSON schema; what 1 and more mean is the provider's, the last being
    plain text. `temperature` says whether that field is sent, `limit` which one bounds the answer;
    `settled` that the other one has been tried.
    """

    rung: int = 0
    temperature: bool = True
    limit: str = "max_tokens"
    settled: bool = False

    def after(self, refusal: Attempt, *, rungs: int) -> Manners | None:
        """Return how to ask next, None where the refusal is about something else.

        `rungs` is how many rungs the ladder has.
        """
        if refusal.status not in _REFUSED:
            return None
        said = json.dumps(refusal.body, default=str)
        if _UNKNOWN.search(said):
            # Such a message may suggest the other name, so ours must be in it as a whole word.
            if not self.settled and re.search(rf"\b{self.limit}\b", said):
                return replace(self, limit=_OTHER[self.limit], settled=True)
            if self.temperature and re.search("temperature", said, re.IGNORECASE):
                return replace(self, temperature=False)
        if self.rung + 1 < rungs and _FORMAT.search(said):
            return replace(self, rung=self.rung + 1)
        return None


class Learned:
    """The manners that a component has learned so far; several threads may learn at once."""

    def __init__(self, first: Manners) -> None:
        self._now = first
        self._lock = threading.Lock()

    @property
    def now(self) -> Manners:
        """How to ask."""
        return self._now

    def learn(self, better: Manners) -> str:
        """Take over what is new in `better`, and return it in words, "" where nothing is.

        Other threads may have learned something else meanwhile: that stays.
        """
        with self._lock:
            before = self._now
            limits = better if better.settled else before
            self._now = Manners(
                rung=max(before.rung, better.rung),
                temperature=before.temperature and better.temperature,
                limit=limits.limit,
                settled=limits.settled,
            )
            news = {
                "without a temperature": before.temperature != self._now.temperature,
                "in another answer format": before.rung != self._now.rung,
                f"with {self._now.limit}": before.limit != self._now.limit,
            }
        return ", ".join(words for words, new in news.items() if new)


def fits(text: str, schema: Any) -> bool:
    """Say whether a text is a JSON object with just the keys of a schema, and nothing around it.

    A server that was given the schema and answers otherwise has not heeded it.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and set(value) == set(schema.get("required", value))
