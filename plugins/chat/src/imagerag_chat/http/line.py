"""A line to one provider: every request of a component passes through it."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_result, wait_random_exponential

from imagerag.errors import CredentialsError
from imagerag.values import Filtered, Unavailable
from imagerag_chat.http.attempt import Attempt, failed, judged
from imagerag_chat.http.client import BoundedClient
from imagerag_chat.http.config import HTTPConfig
from imagerag_chat.http.gate import a_place
from imagerag_chat.http.key import Key, read_key
from imagerag_chat.http.logs import keep_out
from imagerag_chat.http.place import host_of
from imagerag_chat.http.worker import Worker, WorkerClosedError

Client = TypeVar("Client")

GRACE = 0.5
"""Seconds beyond the deadline after which a call ends even if the event loop itself hangs."""

LOADING_SECONDS = 120.0
"""Most seconds for importing the provider's library and making its client."""

CLOSED = "it was closed during the call"

LONGEST_PAUSE = 16
"""Longest pause between attempts, in units of the first."""


@dataclass
class Outcome:
    """What came of a call: `body`, or `trouble`, or a key that was not accepted (`denied`).

    `charge` is True where an answer came that is charged for, False where nothing is charged, and
    None where a lost answer may have been charged. `seconds` are those of the whole call. Texts
    out of `body` pass through `scrub`, which takes the key out, should the server have repeated it.
    """

    body: Any = None
    trouble: Filtered | Unavailable | None = None
    denied: CredentialsError | None = None
    requests: int = 0
    seconds: float = 0.0
    charge: bool | None = False
    scrub: Callable[[str], str] = str


@dataclass
class _Course:
    """How a call has gone so far; the loop writes it, and the waiting thread reads it."""

    until: float
    attempts: list[Attempt] = field(default_factory=list)
    requests: int = 0


class Line(Generic[Client]):
    """Asks one provider, for one component: bounded in time, requests, bytes and concurrency.

    Args:
        provider: Its name, for messages and for counting concurrent calls.
        config: Where it is, and the bounds.
        usual_key: The environment variable that usually holds its key.
        home: Its own address.
        connect: Makes the provider's asynchronous client from a key, `base_url` and the HTTP
            client to use. Its own retries must be off. Called once for a key, in the event loop.
    """

    def __init__(
        self,
        provider: str,
        config: HTTPConfig,
        *,
        usual_key: str,
        home: str,
        connect: Callable[[str, str, BoundedClient], Client],
    ) -> None:
        self.provider = provider
        self.config = config
        self._usual_key = usual_key
        self._home = home
        self._connect = connect
        self._worker = Worker()
        self._lock = threading.Lock()
        self._clients: dict[Key, Client] = {}

    def ready(self) -> None:
        """Raise `CredentialsError` where `ask` would do so before it asks."""
        read_key(self.config, self._usual_key, self._home)

    def ask(
        self,
        send: Callable[[Client], Awaitable[Any]],
        adapt: Callable[[Attempt], bool] = lambda attempt: False,
    ) -> Outcome:
        """Send a request until it is answered, or there is no point or no time in trying again.

        Args:
            send: Makes one request, and returns the provider's raw response (one with an
                `http_response`) or raises what its client raises. Called anew for each attempt.
            adapt: Told of a response that is an error. Returns whether the next request will be
                another one, for which it is worth asking again at once.

        Returns:
            The outcome; its texts are free of the key. The call ends within `config.deadline`
            seconds of having a client, plus half a second at most.

        Raises:
            CredentialsError: No key is set, or it was not meant for this server.
        """
        key = read_key(self.config, self._usual_key, self._home)
        try:
            client = self._client(key)
        except (WorkerClosedError, TimeoutError):
            return Outcome(trouble=Unavailable(CLOSED))
        started = time.monotonic()
        course = _Course(started + self.config.deadline)
        server = f"{self.provider} {self.config.base_url}"
        with a_place(server, self.config.max_concurrent, course.until) as admitted:
            if admitted:
                left = course.until - time.monotonic()
                last = self._wait(lambda: self._attempts(client, send, adapt, course), left)
            else:
                last = Attempt(
                    "passing",
                    note=f"{self.config.max_concurrent} other calls were under way all the time; "
                    "max_concurrent allows no more",
                )
        seconds = time.monotonic() - started
        return self._outcome(key, last, course, seconds)

    def close(self) -> None:
        """Close the connections and end the thread; a call under way ends as unavailable."""
        with self._lock:
            self._clients = {}
        self._worker.close()

    def _client(self, key: Key) -> Client:
        """Return the provider's client for a key, made with the first call."""
        with self._lock:
            if key not in self._clients:
                keep_out(key)

                async def connect() -> Client:
                    http = BoundedClient(self.config)
                    self._worker.before_the_end(http.aclose)
                    return self._connect(key.value, self.config.base_url, http)

                # Importing the provider's library takes seconds, which are not the server's.
                self._clients[key] = self._worker.run(connect, LOADING_SECONDS)
            return self._clients[key]

    def _wait(self, work: Callable[[], Coroutine[Any, Any, Attempt]], left: float) -> Attempt:
        try:
            return self._worker.run(work, max(0.0, left) + GRACE)
        except TimeoutError:
            return Attempt("passing", note="the event loop hung", charge=None)
        except WorkerClosedError:
            return Attempt("lasting", note=CLOSED, charge=None)

    async def _attempts(
        self,
        client: Client,
        send: Callable[[Client], Awaitable[Any]],
        adapt: Callable[[Attempt], bool],
        course: _Course,
    ) -> Attempt:
        adapted = False

        async def once() -> Attempt:
            nonlocal adapted
            course.requests += 1
            attempt = await self._once(client, send)
            course.attempts.append(attempt)
            refused = attempt.kind in {"passing", "lasting"} and (attempt.status or 0) >= 400
            adapted = refused and adapt(attempt)
            return attempt

        pause = wait_random_exponential(
            multiplier=self.config.backoff, max=self.config.backoff * LONGEST_PAUSE
        )

        def wait(state: RetryCallState) -> float:
            if adapted:
                return 0.0
            asked = course.attempts[-1].wait
            return pause(state) if asked is None else asked

        def stop(state: RetryCallState) -> bool:
            left = course.until - time.monotonic()
            return state.attempt_number >= self.config.attempts or state.upcoming_sleep >= left

        def last(state: RetryCallState) -> Attempt:
            return course.attempts[-1]

        with anyio.move_on_after(course.until - time.monotonic()):
            retrying = AsyncRetrying(
                sleep=anyio.sleep,
                retry=retry_if_result(lambda attempt: adapted or attempt.kind == "passing"),
                wait=wait,
                stop=stop,
                retry_error_callback=last,
            )
            return await retrying(once)
        late = Attempt("passing", note="no answer came", charge=None)
        if len(course.attempts) < course.requests:  # the deadline fell into a request
            course.attempts.append(late)
        return course.attempts[-1] if course.attempts else late

    async def _once(self, client: Client, send: Callable[[Client], Awaitable[Any]]) -> Attempt:
        with anyio.move_on_after(self.config.timeout):
            try:
                return judged((await send(client)).http_response)
            except Exception as error:
                if attempt := failed(error, host_of(self.config.base_url)):
                    return attempt
                if client not in self._clients.values():  # another thread closed it just now
                    return Attempt("lasting", note=CLOSED, charge=None)
                raise
        seconds = f"{self.config.timeout:g} s"
        return Attempt("passing", note=f"an attempt was not answered in {seconds}", charge=None)

    def _outcome(self, key: Key, last: Attempt, course: _Course, seconds: float) -> Outcome:
        charges = {attempt.charge for attempt in course.attempts} | {last.charge}
        charge = None if None in charges else True in charges
        outcome = Outcome(requests=course.requests, seconds=seconds, charge=charge, scrub=key.scrub)
        note = key.scrub(last.note)
        if last.kind == "answer":
            outcome.body = last.body
        elif last.kind == "denied":
            outcome.denied = CredentialsError(
                f"{host_of(self.config.base_url)} does not accept the key of the environment "
                f"variable {key.variable}: {note}. Set a valid one, or name another variable with "
                "key_variable."
            )
        elif last.kind == "filtered":
            outcome.trouble = Filtered(note)
        else:
            outcome.trouble = Unavailable(f"{note} ({self._why(last, course)})")
        return outcome

    def _why(self, last: Attempt, course: _Course) -> str:
        """Say how many requests there were, and why there were no more."""
        made = "one request" if course.requests == 1 else f"{course.requests} requests"
        if last.kind == "lasting":
            return made
        if course.requests >= self.config.attempts:
            return f"{made}, and attempts allows no more"
        asked = f" and the server asks to wait {last.wait:.3g} s," if last.wait else ""
        return f"{made},{asked} in a deadline of {self.config.deadline:g} s"
