"""Options of the sandbox's components."""

from __future__ import annotations

from pydantic import Field

from imagerag.component_config import ComponentConfig


class JudgeConfig(ComponentConfig):
    """Options of the judge."""

    weights: str = Field(
        "package:imagerag_sandbox/data/judge", description="The folder of the judge's weights."
    )
