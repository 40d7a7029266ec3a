"""Options of the doubles."""

from typing import Literal

from pydantic import Field

from imagerag import ComponentConfig
from imagerag.testing.config import SizeConfig


class EditorConfig(SizeConfig):
    """What the editor declares, and which instruction it refuses."""

    abilities: tuple[str, ...] = ("text", "edit")
    syntax: str = ""
    refuse: str = ""
    licence: str | None = None
    commercial: bool | None = None
    memory_gb: float | None = None


class PlannerConfig(ComponentConfig):
    """Answers call by call, the last repeated: 'a; b' are edits, '' is none, else a trouble."""

    plans: tuple[str, ...] = ("",)
    better: tuple[Literal["a", "b", "tie"], ...] = ("b",)


class ReviewerConfig(ComponentConfig):
    """Concepts found missing: (name, caption) each; none is a match."""

    missing: tuple[tuple[str, str], ...] = Field(())


class WordyConfig(ComponentConfig):
    """Words around the prompt."""

    before: str = "Please: "
