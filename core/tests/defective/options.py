"""Options that break a rule each."""

from __future__ import annotations

from pydantic import BaseModel, Field

from imagerag.component_config import ComponentConfig


class Lenient(BaseModel):
    """Drops options that do not exist."""


class Forgetful(ComponentConfig):
    """Leaves an option out when it is written as JSON."""

    depth: int = Field(1, description="How deep.", exclude=True)


class Unexplained(ComponentConfig):
    """Does not say what its option means."""

    depth: int = 1


class Demanding(ComponentConfig):
    """Has an option without a default."""

    depth: int = Field(description="How deep.")


class Indiscreet(ComponentConfig):
    """Takes a key as an option."""

    api_key: str = Field("", description="The key of the service.")
