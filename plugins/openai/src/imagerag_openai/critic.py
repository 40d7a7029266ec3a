"""The critic `openai`: Chat Completions, at OpenAI or at any server that speaks them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from imagerag.values import Facts, Filtered, Malformed, Refused, Truncated
from imagerag_chat.http.client import BoundedClient
from imagerag_chat.http.critic import HTTPCritic, Sheet, unusable
from imagerag_chat.http.manners import Manners
from imagerag_chat.http.place import host_of
from imagerag_chat.http.prices import Tokens, count
from imagerag_chat.question import Question, Reply
from imagerag_openai.config import HOME, OpenAICriticConfig

if TYPE_CHECKING:
    from openai import AsyncOpenAI

SCHEMA, JSON_OBJECT = 0, 1
"""The rungs of the ladder above plain text."""


def connect_openai(key: str, base_url: str, http: BoundedClient) -> AsyncOpenAI:
    """Return OpenAI's client, with its own retries off."""
    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key=key, base_url=base_url, http_client=http, max_retries=0)
    client._custom_headers = {}  # OPENAI_CUSTOM_HEADERS, which may hold other credentials
    if host_of(base_url) != host_of(HOME):
        client.organization = client.project = None  # the environment's, which are OpenAI's
    return client


class OpenAICritic(HTTPCritic):
    """Asks a vision-language model by OpenAI's Chat Completions."""

    provider: ClassVar[str] = "openai"
    home: ClassVar[str] = HOME
    usual_key: ClassVar[str] = "OPENAI_API_KEY"

    config: OpenAICriticConfig

    def connect(self, key: str, base_url: str, http: BoundedClient) -> AsyncOpenAI:
        """Return OpenAI's client."""
        client = connect_openai(key, base_url, http)
        _ = client.chat.completions.with_raw_response  # imports the rest, while no clock runs
        return client

    def first_manners(self) -> Manners:
        """Return OpenAI's own way, or the older name of the limit that other servers know."""
        own = host_of(self.config.base_url) == host_of(HOME)
        return Manners(limit="max_completion_tokens" if own else "max_tokens")

    async def send(self, client: AsyncOpenAI, sheet: Sheet, manners: Manners) -> Any:
        """Make one request and return the raw response."""
        return await client.chat.completions.with_raw_response.create(
            **self.request(sheet, manners)
        )

    def request(self, sheet: Sheet, manners: Manners) -> dict[str, Any]:
        """Return the arguments of a request: each picture once, before the text."""
        question, config = sheet.question, self.config
        content: list[dict[str, Any]] = []
        for picture in sheet.pictures:
            url = {"url": picture.data_url}
            if config.detail != "auto":
                url["detail"] = config.detail
            content.append({"type": "image_url", "image_url": url})
        content.append({"type": "text", "text": question.text})
        request: dict[str, Any] = {
            "model": config.model,
            "messages": [
                {"role": "system", "content": question.system},
                {"role": "user", "content": content if sheet.pictures else question.text},
            ],
            manners.limit: question.max_tokens,
        }
        if manners.temperature:
            request["temperature"] = sheet.temperature
        if question.schema is not None and manners.rung == SCHEMA:
            schema = {"name": question.call, "strict": True, "schema": dict(question.schema)}
            request["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif question.schema is not None and manners.rung == JSON_OBJECT:
            request["response_format"] = {"type": "json_object"}
        if config.extra_body:
            request["extra_body"] = dict(config.extra_body)
        return request

    def read(self, body: Mapping[str, Any], question: Question) -> Reply:
        """Return the text of the first choice, or what stands in its place."""
        if (trouble := unusable(body)) is not None:
            return Reply(trouble=trouble)
        choices = body.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(message, dict):
            return Reply(trouble=Malformed("the response holds no message"))
        reason, refusal = choice.get("finish_reason"), message.get("refusal")
        if reason == "content_filter":
            return Reply(trouble=Filtered("the content filter stopped the answer"))
        if isinstance(refusal, str) and refusal.strip():
            return Reply(trouble=Refused(refusal))
        if reason == "length":
            limit = question.max_tokens
            return Reply(trouble=Truncated(f"the answer was cut off at max_tokens = {limit}"))
        text = _text(message.get("content"))
        if text is None:
            return Reply(trouble=Malformed("the message holds no text"))
        return Reply(text)

    def tokens(self, body: Mapping[str, Any]) -> Tokens:
        """Return the counts of `usage`."""
        usage = body.get("usage")
        if not isinstance(usage, dict):
            return Tokens()
        details = usage.get("prompt_tokens_details")
        details = details if isinstance(details, dict) else {}
        return Tokens(
            input=count(usage.get("prompt_tokens")),
            output=count(usage.get("completion_tokens")),
            cached=count(details.get("cached_tokens")),
            image_input=count(details.get("image_tokens")),
        )

    def facts(self) -> Facts:
        """Return model and cost; nothing is asked for."""
        return replace(
            super().facts(),
            implementation="openai.AsyncOpenAI: chat.completions",
            usd_per_picture=self.cost_of_a_picture(closely=self.config.detail != "low"),
            proven="Every call, fault and limit against a loopback server; no model was asked.",
        )


def _text(content: Any) -> str | None:
    """Return the text of a message, which some servers send in parts."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str)) or None
    return content if isinstance(content, str) and content.strip() else None
