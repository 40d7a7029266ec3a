"""Whatever the server does, a call ends in time, with an outcome of a known kind."""

from __future__ import annotations

import io
import logging
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from imagerag.errors import CredentialsError
from imagerag.testing import Fault, LoopbackVLM, faults_for
from imagerag.values import Matches, Missing, Usage
from imagerag_chat.http.testing.provider import (
    ATTEMPTS,
    DEADLINE,
    KEY,
    PROMPT,
    RIGHT,
    ProviderRules,
    picture,
)

SLACK = 1.0
"""Seconds beyond the deadline that are forgiven."""

AT_ONCE = 8
"""Faults that are tried side by side; slow ones cost the deadline each."""

NEVER_AGAIN = {
    "bad_request",
    "forbidden",
    "not_found",
    "quota_used_up",
    "rate_limit_huge",
    "redirect_elsewhere",
    "redirect_loop",
    "too_large",
    "unprocessable",
    "wrong_key",
}
"""Faults at which another request makes no sense."""


@dataclass
class Seen:
    """What was seen of one fault; `told` is all that a user, a log or a record could show of it."""

    fault: Fault
    outcome: str = ""
    seconds: float = 0.0
    requests: int = 0
    elsewhere: int = 0
    leaked: int = 0
    spent: list[Usage] = field(default_factory=list)
    told: str = ""


class FaultRules(ProviderRules):
    """All faults of the loopback server, and one review at each."""

    @pytest.fixture(scope="class")
    @classmethod
    def seen(cls) -> Iterator[list[Seen]]:
        """Try every fault once, several at a time, with all logs open."""
        log, root = io.StringIO(), logging.getLogger()
        handler, before = logging.StreamHandler(log), root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(cls.critic.usual_key, KEY)
                with LoopbackVLM([RIGHT]) as server:  # the provider's library is imported here
                    first = cls.make(server, deadline=60.0, timeout=60.0)
                    assert isinstance(first.review(picture(), PROMPT), Matches)
                    first.close()
                with ThreadPoolExecutor(AT_ONCE) as pool:
                    found = list(pool.map(cls._try, faults_for(cls.wire)))
        finally:
            root.removeHandler(handler)
            root.setLevel(before)
        found[0].told += log.getvalue()
        yield found

    @classmethod
    def _try(cls, fault: Fault, **options: float) -> Seen:
        seen = Seen(fault)
        with LoopbackVLM([fault.around(RIGHT)], key=KEY) as server:
            critic = cls.make(server, seen.spent, **options)
            started = time.monotonic()
            try:
                review = critic.review(picture(), PROMPT)
                seen.outcome, seen.told = _word(review), repr(review)
            except CredentialsError as error:
                seen.outcome, seen.told = "error", repr(error)
                whole = traceback.TracebackException.from_exception(error, capture_locals=True)
                seen.told += "".join(whole.format())
            seen.seconds = time.monotonic() - started
            critic.close()
        seen.told += repr((critic, critic.config, critic.versions(), critic.facts(), seen.spent))
        seen.requests, seen.elsewhere = len(server.requests), len(server.elsewhere)
        seen.leaked = sum(request.key_leaked for request in server.requests)
        return seen

    def test_every_fault_has_an_outcome_of_its_kind(self, seen: list[Seen]) -> None:
        """A member of `Review`, or an error about credentials; the server says which are right."""
        assert len(seen) >= 90
        # A refused schema leads to another request without one: the ladder, tested elsewhere.
        wrong = {
            one.fault.name: one.outcome
            for one in seen
            if one.fault.name != "schema_unsupported"
            and one.outcome not in one.fault.outcomes[self.wire]
        }
        assert wrong == {}

    def test_every_fault_ends_by_the_deadline(self, seen: list[Seen]) -> None:
        """Also dripping, stalling and silent servers, and those that ask for patience."""
        late = {one.fault.name: one.seconds for one in seen if one.seconds > DEADLINE + SLACK}
        assert late == {}

    def test_no_fault_makes_more_requests_than_allowed(self, seen: list[Seen]) -> None:
        """Counted at the server."""
        many = {one.fault.name: one.requests for one in seen if one.requests > ATTEMPTS}
        assert many == {}
        assert [one for one in seen if one.requests == ATTEMPTS], "nothing was tried again"

    def test_what_is_final_is_not_asked_again(self, seen: list[Seen]) -> None:
        """Answers of any quality, refusals and filters, and errors that would only come again."""
        final = {"read", "refused", "filtered", "truncated", "malformed", "error"}

        def again(one: Seen) -> bool:
            ends = one.outcome in final or one.fault.name in NEVER_AGAIN
            return ends and one.requests > 1

        # On a loaded machine a right answer may come after `timeout`, and asking again is right
        # then. So whatever was asked again is tried once more, by itself and with time to spare.
        suspects = [one.fault for one in seen if again(one)]
        tried = [self._try(fault, timeout=30.0, deadline=60.0) for fault in suspects]
        assert {one.fault.name for one in tried if again(one)} == set()

    def test_nothing_is_sent_anywhere_else(self, seen: list[Seen]) -> None:
        """Redirects to another port reach nobody there."""
        assert {one.fault.name for one in seen if one.elsewhere} == set()

    def test_every_call_is_in_the_ledger(self, seen: list[Seen]) -> None:
        """With its outcome, its requests, and an unknown price: this is not the provider's host."""
        for one in seen:
            (line,) = one.spent
            kinds = {"read": {"matches", "missing"}, "error": {"credentials"}}
            assert line.outcome in kinds.get(one.outcome, {one.outcome}), one.fault.name
            assert line.requests >= one.requests, one.fault.name
            assert (line.call, line.images, line.usd) == ("review", 1, None), one.fault.name

    def test_the_key_is_shown_nowhere(self, seen: list[Seen]) -> None:
        """Not in outcomes, messages, tracebacks with locals, objects, ledger, logs, requests."""
        assert sum(one.requests for one in seen) > 100
        assert {one.fault.name for one in seen if KEY in one.told} == set()
        assert {one.fault.name for one in seen if one.leaked} == set()


def _word(review: object) -> str:
    return "read" if isinstance(review, Matches | Missing) else type(review).__name__.lower()
