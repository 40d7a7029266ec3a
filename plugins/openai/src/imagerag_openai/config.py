"""The options of this distribution's critic."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from imagerag_chat.http.config import ProviderConfig

HOME = "https://api.openai.com/v1"

MODEL = "gpt-4o-2024-08-06"
"""The paper's critic, by its dated name. OpenAI has announced its end for 2027-01-14."""


class OpenAICriticConfig(ProviderConfig):
    """Options of the critic `openai`."""

    model: str = Field(
        MODEL,
        min_length=1,
        description="Name of the model; a dated one keeps its meaning. The default is the paper's.",
    )
    base_url: str = Field(
        HOME,
        description="Address of the API, up to and with /v1: OpenAI's, or that of vLLM, Ollama, "
        "llama.cpp or any other server of this kind.",
    )
    detail: Literal["auto", "low", "high"] = Field(
        "auto",
        description="How closely OpenAI's models look at pictures: 'low' costs least and overlooks "
        "small things. 'auto' is not sent.",
    )
    extra_body: dict[str, Any] = Field(
        {},
        description="More fields of the request, as the server wants them, for example "
        '{reasoning_effort = "low"}. They become part of the record.',
    )
