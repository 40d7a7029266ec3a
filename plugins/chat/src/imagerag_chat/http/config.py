"""The options that everything shares that asks a provider over HTTP."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from imagerag.component_config import ComponentConfig
from imagerag.errors import ConfigError, suggestion
from imagerag_chat.config import ChatConfig
from imagerag_chat.http.place import is_local
from imagerag_chat.http.prices import price_of, priced_models

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*", re.IGNORECASE)


OWN_FIELDS = frozenset({"messages", "model", "prompt", "stream"})
"""Fields of a request that are not for `extra_body`: what is asked, of whom, and how it comes."""


class HTTPConfig(ComponentConfig):
    """Where the server is, and how long and how often it is asked.

    A provider declares `model` and `base_url` anew, with its own defaults.
    """

    model: str = Field(min_length=1, description="Name of the model at the provider.")
    base_url: str = Field(description="Address of the API; https, or http in your own network.")
    key_variable: str | None = Field(
        None,
        description="Environment variable that holds the key; without it, the provider's usual "
        "one. A server other than the provider's own, outside your network, needs it named.",
    )
    deadline: float = Field(
        90.0,
        gt=0,
        le=3600,
        description="Seconds that one call may take in all: waiting for a place, every attempt, "
        "and the pauses between them.",
    )
    timeout: float = Field(
        60.0, gt=0, le=3600, description="Seconds that one attempt may take before the next."
    )
    attempts: int = Field(
        5,
        ge=1,
        le=20,
        description="Most requests of one call, first and repeated ones, and those by which it is "
        "found out what the server understands.",
    )
    backoff: float = Field(
        0.5,
        ge=0,
        le=60,
        description="Seconds of the first pause at most; it doubles each time, up to 16 times "
        "that, and its length is drawn at random. `Retry-After` of the server comes first.",
    )
    max_concurrent: int = Field(
        4, ge=1, le=1000, description="Most calls to this server at one time, in this process."
    )
    max_answer_mb: float = Field(
        32.0, gt=0, le=1024, description="Largest response that is read, in megabytes."
    )
    trust_env: bool = Field(
        False,
        description="Heed HTTP_PROXY, HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE of the environment. "
        "A proxy sees where requests go, and over http what is in them.",
    )
    free: bool = Field(
        False, description="Nothing is paid for calls: the ledger says 0 instead of unknown."
    )
    priced_as: str | None = Field(
        None,
        description="Model of the price list whose prices hold here; without it, `model` where "
        "`base_url` is the provider's own, and unknown elsewhere.",
    )

    @field_validator("priced_as")
    @classmethod
    def _is_priced(cls, model: str | None) -> str | None:
        if model is not None and price_of(model) is None:
            known = priced_models()
            hint = suggestion(model, known) or f" Known: {', '.join(known)}."
            raise ValueError(f"the price list has no such model.{hint}")
        return model

    @field_validator("extra_body", check_fields=False)
    @classmethod
    def _can_be_sent(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """Check the option of that name, where a provider declares one."""
        if own := sorted(OWN_FIELDS & set(fields)):
            raise ValueError(f"{', '.join(own)} cannot be replaced: the component says it itself")
        try:
            json.dumps(fields, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"it is sent as JSON, and cannot be: {error}") from error
        return fields

    # Both raise ConfigError themselves: pydantic would repeat the value, which may be a secret.

    @field_validator("key_variable")
    @classmethod
    def _names_a_variable(cls, name: str | None) -> str | None:
        if name is not None and not _VARIABLE.fullmatch(name):
            raise ConfigError(
                "key_variable names an environment variable, OPENAI_API_KEY for example, and what "
                "stands there is no such name. Keys themselves belong in the environment only: "
                "export the key, and name its variable here."
            )
        return name

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            raise ConfigError("base_url is no address: write 'https://host/path'.") from None
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ConfigError(
                "base_url holds more than scheme, host, port and path. Keys come from the "
                "environment (key_variable), never from an address."
            )
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError(f"base_url = {url!r} is no address: write 'https://host/path'.")
        if parts.scheme == "http" and not is_local(url):
            raise ConfigError(
                f"base_url = {url!r} would send key, prompts and pictures in the clear. Use https; "
                "http is for addresses of your own network."
            )
        return url.rstrip("/")


class ProviderConfig(ChatConfig, HTTPConfig):
    """Options of a critic that asks a provider over HTTP."""
