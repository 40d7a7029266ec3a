"""Options of acme's components."""

from __future__ import annotations

from pydantic import Field

from imagerag.component_config import ComponentConfig
from imagerag.testing.config import ScriptedConfig, SizeConfig


class PaintConfig(SizeConfig):
    """Options of acme's generators."""

    steps: int = Field(1, ge=1, description="Steps.")


class CriticConfig(ScriptedConfig):
    """Options of acme's critics."""


class HostileConfig(ComponentConfig):
    """What the hostile critic writes."""

    names: tuple[str, ...] = Field(("x",), description="Names of missing concepts.")
    captions: tuple[str, ...] = Field(("x",), description="Their captions.")
    matches: bool = Field(False, description="Say that all is well, with these concepts.")


class NoConfig(ComponentConfig):
    """No options."""
