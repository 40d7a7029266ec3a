"""Options of both components."""

from __future__ import annotations

from urllib.parse import urlsplit

from imagerag import ComponentConfig
from pydantic import Field, field_validator


class ShelfConfig(ComponentConfig):
    """Options of the retriever `shelf`."""

    batch_size: int = Field(
        default=32,
        ge=1,
        le=4096,
        description="Pictures that are encoded, and changes that are written, at once.",
    )


class OwnServerConfig(ComponentConfig):
    """Options of the critic `own-server`."""

    base_url: str = Field(
        default="http://127.0.0.1:8000/v1",
        description="Where the server is; '/chat/completions' is added to it.",
    )
    model: str = Field(default="default", min_length=1, description="The model to ask for.")
    key_variable: str = Field(
        default="ACME_VLM_KEY",
        description="Environment variable that holds the key; without a value none is sent.",
    )
    deadline: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds that one answer may take, in all."
    )
    longest_side: int = Field(
        default=768, ge=32, le=8192, description="Pixels to which larger pictures are scaled down."
    )
    most: int = Field(default=4, ge=1, le=20, description="Most missing concepts that are taken.")

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("it must begin with http:// or https:// and name a host")
        if parts.port == 0:  # a port that is no number raises by itself
            raise ValueError("its port must be from 1 to 65535")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("it must hold no user, password, query or fragment")
        return value.rstrip("/")
