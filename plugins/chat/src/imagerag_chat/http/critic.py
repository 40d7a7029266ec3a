"""A critic that asks a provider over HTTP, in terms of how that provider is spoken to."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from imagerag.roles import Context
from imagerag.text import clean
from imagerag.values import Facts, Malformed, Unavailable
from imagerag_chat import wording
from imagerag_chat.critic import ChatCritic
from imagerag_chat.http.attempt import Attempt, message_of
from imagerag_chat.http.client import BoundedClient
from imagerag_chat.http.config import HTTPConfig, ProviderConfig
from imagerag_chat.http.ledger import estimate, usage
from imagerag_chat.http.line import Line, Outcome
from imagerag_chat.http.manners import Learned, Manners, fits
from imagerag_chat.http.place import is_local
from imagerag_chat.http.prices import Tokens
from imagerag_chat.picture import Picture, encode
from imagerag_chat.question import Question, Reply

ASKED, ANSWERED, COMPARED = 700, 200, 60
"""Tokens of text of a review, in and out, and of the answer to a comparison: for estimates."""

LONGEST = 64
"""Characters of an answer for each token that it may have; no tokenizer comes near."""

LONGEST_NOTE = 500
"""Characters of what a model says instead of an answer, a refusal for example."""

UNSEEN = frozenset({"calls", "compare", "max_concepts", *HTTPConfig.model_fields}) - {
    "model",
    "base_url",
}
"""Options that no caption depends on; any other, one of a subclass too, may change it."""


@dataclass(frozen=True)
class Sheet:
    """A question made ready: its pictures encoded once, whatever number of requests it takes."""

    question: Question
    pictures: Sequence[Picture]
    temperature: float


class HTTPCritic(ChatCritic):
    """Asks a provider over HTTP. A subclass says how this one is spoken to."""

    remote: ClassVar[bool] = True

    provider: ClassVar[str]
    home: ClassVar[str]
    """The provider's own address."""
    usual_key: ClassVar[str]
    """The environment variable that usually holds its key."""
    rungs: ClassVar[int] = 3
    """How many ways there are to ask for an answer in a certain form; the last is plain text."""

    config: ProviderConfig

    def __init__(self, config: ProviderConfig, context: Context) -> None:
        super().__init__(config, context)
        self.learned = Learned(self.first_manners())
        self._line: Line[Any] = Line(
            self.provider, config, usual_key=self.usual_key, home=self.home, connect=self.connect
        )

    @property
    def concurrency(self) -> int:
        """As many calls as the server is asked at one time: each waits in a thread of its own."""
        return self.config.max_concurrent

    def first_manners(self) -> Manners:
        """Return how to ask while nothing is known of the server."""
        return Manners()

    @abstractmethod
    def connect(self, key: str, base_url: str, http: BoundedClient) -> Any:
        """Return the provider's asynchronous client, with its own retries off."""

    @abstractmethod
    async def send(self, client: Any, sheet: Sheet, manners: Manners) -> Any:
        """Make one request and return the raw response."""

    @abstractmethod
    def read(self, body: Mapping[str, Any], question: Question) -> Reply:
        """Return what a response says, without `usage`; any JSON object may come."""

    @abstractmethod
    def tokens(self, body: Mapping[str, Any]) -> Tokens:
        """Return what the provider counted; any JSON object may come."""

    def answer(self, question: Question, temperature: float) -> Reply:
        """Ask, within the deadline and the number of attempts.

        Raises:
            CredentialsError: There is no key for this server, or it was not accepted.
        """
        config = self.config
        pictures = [encode(i, config.image_size, config.image_format) for i in question.images]
        sheet = Sheet(question, pictures, temperature)
        used = self.learned.now

        async def send(client: Any) -> Any:
            nonlocal used
            used = self.learned.now
            return await self.send(client, sheet, used)

        def adapt(attempt: Attempt) -> bool:
            better = used.after(attempt, rungs=self.rungs)
            if better is not None:
                self._learn(better, question, f"the server refused it with status {attempt.status}")
            return better is not None

        outcome = self._line.ask(send, adapt)
        if outcome.denied is not None:
            line = usage(config, self.home, outcome, Tokens())
            shown = len(pictures)
            self.context.spend(
                replace(line, call=question.call, outcome="credentials", images=shown)
            )
            raise outcome.denied
        return self._reply(question, used, outcome)

    def _reply(self, question: Question, used: Manners, outcome: Outcome) -> Reply:
        if outcome.trouble is not None:
            reply, tokens = Reply(trouble=outcome.trouble), Tokens()
        else:
            reply, tokens = self.read(outcome.body, question), self.tokens(outcome.body)
        line = usage(self.config, self.home, outcome, tokens)
        if reply.trouble is not None:
            # It ends in the record, in error messages and on terminals.
            note = clean(outcome.scrub(reply.trouble.note), LONGEST_NOTE)
            trouble = replace(reply.trouble, note=note)
            reply = Reply(trouble=trouble)
        else:
            text = outcome.scrub(reply.text)
            if len(text) > LONGEST * question.max_tokens:
                return Reply(
                    trouble=Malformed(f"the answer has {len(text)} characters"), usage=line
                )
            strict = question.schema is not None and used.rung == 0
            if strict and text.strip() and not fits(text, question.schema):
                self._learn(replace(used, rung=1), question, "the server does not heed the schema")
            reply = Reply(text)
        return replace(reply, usage=line)

    def _learn(self, better: Manners, question: Question, why: str) -> None:
        news = self.learned.learn(better)
        if news:
            self.context.decide(question.call, f"ask {news} from now on", why)

    def ready(self) -> None:
        """Raise `CredentialsError` where there is no key for this server."""
        self._line.ready()

    def close(self) -> None:
        """Close connections. Calling it twice does nothing more."""
        self._line.close()

    def versions(self) -> Mapping[str, str]:
        """Return the model, where it is asked for, and an id of what its captions depend on.

        The last lets those who keep captions keep them through changes of other options.
        """
        config = self.config
        seen = {
            "system": wording.SYSTEM,
            "question": wording.worded(wording.CAPTION),
            "options": config.model_dump(mode="json", exclude=set(UNSEEN)),
        }
        captions = hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()
        return {"model": config.model, "base_url": config.base_url, "captions": captions[:16]}

    def facts(self) -> Facts:
        """Return model and cost; nothing is asked for."""
        return Facts(
            model=self.config.model,
            revision=self.config.model,
            # At a server in one's own network the model's memory may well be this machine's.
            memory_gb=None if is_local(self.config.base_url) else 0.0,
            usd_per_picture=self.cost_of_a_picture(),
        )

    def cost_of_a_picture(self, *, closely: bool = True) -> float | None:
        """Estimate the dollars of one picture with one mismatch, None where unknown.

        Counted are a review of the draft and a comparison of draft and result, with square pictures
        of `image_size`, looked at tile by tile unless `closely` is false.
        """
        config = self.config
        shown = {"one": [1], "three": [1, 1, 0]}[config.calls]
        comparisons = {"once": 1, "both-orders": 2}[config.compare]
        calls = [(pictures, ASKED, ANSWERED) for pictures in shown]
        calls += [(2, ASKED, COMPARED)] * comparisons
        return estimate(config, self.home, calls, config.image_size, closely=closely)


def unusable(body: Mapping[str, Any]) -> Unavailable | None:
    """Return the trouble where a server reports an error under status 200, else None."""
    if body.get("error"):
        return Unavailable(f"the server answered with an error: {message_of(body)}")
    return None
