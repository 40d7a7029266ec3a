"""Faults: named ways in which a server misbehaves, with what a client should make of each."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from imagerag.testing.loopback.exchange import Exchange
from imagerag.testing.loopback.request import Wire

Outcome: TypeAlias = Literal[
    "read", "refused", "filtered", "truncated", "malformed", "unavailable", "error"
]
"""What may come of a call.

"read": the answer is whole and may be used. "error": an exception of `imagerag.errors` that says
what to do. The others are the unusable answers of `imagerag.values.Review`.
"""

Answered: TypeAlias = Literal["openai", "anthropic", "images"]
ASKED: tuple[Answered, ...] = ("openai", "anthropic", "images")


@dataclass(frozen=True, eq=False)
class Fault:
    """One way to misbehave.

    `about` says what happens. `outcomes` names, for each wire format that the fault exists in, what
    a client may make of it: any of the set is right. `retryable` says whether sending the same
    request again may help, so that a fault which is not must be met by exactly one request.
    `seconds` is the least time that a client which waits for the end is kept busy, infinite for
    "never ends"; a client with a deadline leaves earlier. `content` is the right answer around
    which the fault is built, where it is about an answer (see `Answer.content`).
    """

    name: str
    about: str
    send: Callable[[Exchange, float], None] = field(repr=False)
    outcomes: Mapping[Answered, frozenset[Outcome]]
    retryable: bool
    seconds: float = 0.0
    content: Any = None

    def around(self, content: Any) -> Fault:
        """Return the same fault around another right answer."""
        return dataclasses.replace(self, content=content)

    def lasting(self, seconds: float) -> Fault:
        """Return the same fault with another duration; it must be one that takes time."""
        if not self.seconds:
            raise ValueError(f"the fault {self.name!r} takes no time")
        return dataclasses.replace(self, seconds=seconds)

    def happens_on(self, wire: Wire) -> bool:
        """Say whether the fault exists in a wire format."""
        return wire in self.outcomes


Sender: TypeAlias = Callable[[Exchange, float], None] | Callable[[Exchange], None]


class Faults(dict[str, Fault]):
    """A table of faults that functions are entered into, each by its name and docstring."""

    def fault(
        self,
        outcomes: str,
        *,
        retryable: bool,
        seconds: float = 0.0,
        only: str = "openai anthropic images",
    ) -> Callable[[Sender], Sender]:
        """Return a decorator that enters a function as a fault.

        `outcomes` are words with spaces between them. The images API has no unusable answers, so
        there each of them is an "error".
        """
        words = frozenset(outcomes.split())
        images = frozenset(word if word == "read" else "error" for word in words)
        table: dict[Any, Any] = {
            wire: images if wire == "images" else words for wire in only.split()
        }

        def enter(function: Sender) -> Sender:
            name = function.__name__
            takes = len(inspect.signature(function).parameters)
            send: Any = function if takes == 2 else (lambda exchange, _: function(exchange))  # type: ignore[call-arg]
            about = " ".join((inspect.getdoc(function) or "").split())
            if name in self:
                raise ValueError(f"two faults are named {name!r}")
            self[name] = Fault(name, about, send, table, retryable, seconds)
            return function

        return enter
