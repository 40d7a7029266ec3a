"""Options of acme's components."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from imagerag.component_config import ComponentConfig, Part
from imagerag.testing.config import ScriptedConfig, SizeConfig


class PaintConfig(SizeConfig):
    """Options of acme's generators."""

    steps: int = Field(1, ge=1, description="Steps.")
    base: Annotated[dict[str, Any] | None, Part("generator")] = Field(
        None, description="Another generator."
    )

    @model_validator(mode="after")
    def _steps_fit_the_picture(self):
        if self.steps > self.width * self.height:
            raise ValueError("steps must not be more than the picture has pixels")
        return self


class CriticConfig(ScriptedConfig):
    """Options of acme's critics."""


class HostileConfig(ComponentConfig):
    """What the hostile critic writes."""

    names: tuple[str, ...] = Field(("x",), description="Names of missing concepts.")
    captions: tuple[str, ...] = Field(("x",), description="Their captions.")
    matches: bool = Field(False, description="Say that all is well, with these concepts.")


class NoConfig(ComponentConfig):
    """No options."""
