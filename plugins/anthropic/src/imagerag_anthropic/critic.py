"""The critic `anthropic`: Claude over the Messages API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from imagerag.values import Facts, Malformed, Refused, Truncated
from imagerag_anthropic.config import HOME, AnthropicCriticConfig
from imagerag_chat.http.client import BoundedClient
from imagerag_chat.http.critic import HTTPCritic, Sheet, unusable
from imagerag_chat.http.manners import Manners
from imagerag_chat.http.prices import Tokens, count
from imagerag_chat.question import Question, Reply

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

SCHEMA, TOOL = 0, 1
"""The rungs of the ladder above plain text: newer models know the first, older ones the second."""

ANSWER = "answer"
"""Name of the tool whose input is the answer."""


class AnthropicCritic(HTTPCritic):
    """Asks Claude."""

    provider: ClassVar[str] = "anthropic"
    home: ClassVar[str] = HOME
    usual_key: ClassVar[str] = "ANTHROPIC_API_KEY"

    config: AnthropicCriticConfig

    def connect(self, key: str, base_url: str, http: BoundedClient) -> AsyncAnthropic:
        """Return Anthropic's client, with its retries and its tracing off."""
        from anthropic import AsyncAnthropic

        client = AsyncAnthropic(
            api_key=key, base_url=base_url, http_client=http, max_retries=0, open_telemetry=False
        )
        client._custom_headers = {}  # ANTHROPIC_CUSTOM_HEADERS, which may hold other credentials
        _ = client.messages.with_raw_response  # imports the rest, while no clock runs
        return client

    async def send(self, client: AsyncAnthropic, sheet: Sheet, manners: Manners) -> Any:
        """Make one request and return the raw response."""
        return await client.messages.with_raw_response.create(**self.request(sheet, manners))

    def request(self, sheet: Sheet, manners: Manners) -> dict[str, Any]:
        """Return the arguments of a request: each picture once, before the text."""
        question, config = sheet.question, self.config
        content: list[dict[str, Any]] = [
            {
                "type": "image",
                "source": {
                    "type": "base64",
                    "media_type": picture.media_type,
                    "data": picture.base64,
                },
            }
            for picture in sheet.pictures
        ]
        content.append({"type": "text", "text": question.text})
        request: dict[str, Any] = {
            "model": config.model,
            "max_tokens": question.max_tokens,
            "system": question.system,
            "messages": [{"role": "user", "content": content}],
        }
        if question.schema is not None and manners.rung == SCHEMA:
            form = {"type": "json_schema", "schema": dict(question.schema)}
            request["output_config"] = {"format": form}
        elif question.schema is not None and manners.rung == TOOL:
            tool = {
                "name": ANSWER,
                "description": "Gives the answer to the question.",
                "input_schema": dict(question.schema),
            }
            request |= {"tools": [tool], "tool_choice": {"type": "tool", "name": ANSWER}}
        extra: dict[str, Any] = {}
        if manners.temperature:
            # The client has no argument for it since its newer models refuse it.
            extra["temperature"] = min(sheet.temperature, 1.0)
        request["extra_body"] = extra | config.extra_body
        return request

    def read(self, body: Mapping[str, Any], question: Question) -> Reply:
        """Return the text of the answer, or the input of the tool, or what stands in its place."""
        if (trouble := unusable(body)) is not None:
            return Reply(trouble=trouble)
        content, reason = body.get("content"), body.get("stop_reason")
        blocks = (
            [block for block in content if isinstance(block, dict)]
            if isinstance(content, list)
            else []
        )
        texts = [b["text"] for b in blocks if b.get("type") == "text" and _is_text(b.get("text"))]
        text = "".join(texts)
        if reason == "refusal":
            return Reply(trouble=Refused(text or "the model declined to answer"))
        if reason in {"max_tokens", "model_context_window_exceeded"}:
            limit = question.max_tokens
            return Reply(trouble=Truncated(f"the answer was cut off at max_tokens = {limit}"))
        for block in blocks:
            if block.get("type") == "tool_use" and isinstance(block.get("input"), dict):
                return Reply(json.dumps(block["input"], ensure_ascii=False))
        if not text.strip():
            return Reply(trouble=Malformed("the response holds no text"))
        return Reply(text)

    def tokens(self, body: Mapping[str, Any]) -> Tokens:
        """Return the counts of `usage`; input that is written to or read from a cache is input."""
        usage = body.get("usage")
        if not isinstance(usage, dict):
            return Tokens()
        fresh = count(usage.get("input_tokens"))
        cached = count(usage.get("cache_read_input_tokens")) or 0
        if count(usage.get("cache_creation_input_tokens")):
            fresh = None  # has a price of its own; nothing here asks for it
        return Tokens(
            input=None if fresh is None else fresh + cached,
            output=count(usage.get("output_tokens")),
            cached=cached,
        )

    def facts(self) -> Facts:
        """Return model and cost; nothing is asked for."""
        return replace(
            super().facts(),
            implementation="anthropic.AsyncAnthropic: messages",
            proven="Every call, fault and limit against a loopback server; no model was asked.",
        )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
