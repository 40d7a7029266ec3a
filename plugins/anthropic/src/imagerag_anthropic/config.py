"""The options of this distribution's critic."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from imagerag_chat.http.config import ProviderConfig

HOME = "https://api.anthropic.com"

MODEL = "claude-haiku-4-5-20251001"
"""The one dated model that anthropic 2.13 lists and does not call deprecated."""


class AnthropicCriticConfig(ProviderConfig):
    """Options of the critic `anthropic`."""

    model: str = Field(
        MODEL, min_length=1, description="Name of the model; a dated one keeps its meaning."
    )
    base_url: str = Field(HOME, description="Address of the API, without /v1.")
    extra_body: dict[str, Any] = Field(
        {},
        description="More fields of the request, as the API wants them, for example "
        '{thinking = {type = "disabled"}}. They become part of the record.',
    )
