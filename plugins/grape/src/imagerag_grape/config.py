"""Options of the generator and of the conditioner."""

from __future__ import annotations

import string
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, field_validator

from imagerag.component_config import ComponentConfig, Part

Table: TypeAlias = dict[str, Any]
"""A component's table: `use` and its own options."""

FIELDS = {
    "editor_prompt": ({"image", "instruction"}, {"instruction"}),
    "missing": ({"caption", "name"}, set()),
}
"""What each template may use, and what it must."""


class GrapeConfig(ComponentConfig):
    """Options of the generator "grape"."""

    painter: Annotated[Table, Part("generator")] = Field(
        {}, description="What paints the first picture: the table of a generator."
    )
    editor: Annotated[Table | None, Part("generator")] = Field(
        None,
        description="What carries out the edits: a generator with the ability 'edit' or "
        "'in-context'. Without, the painter edits, and its weights are loaded once.",
    )
    conditioner: Annotated[Table | None, Part("conditioner")] = Field(
        None,
        description="How an edit is worded for the editor: the table of a conditioner, which is "
        "given the instruction as the prompt and the picture as the user's reference. Without, "
        "editor_prompt words it.",
    )
    editor_prompt: str | None = Field(
        None,
        description="How an edit is worded without a conditioner, with {image} for the picture in "
        "the editor's own syntax and {instruction}. By default '{image} {instruction}' where that "
        "is a placeholder (the paper's, for OmniGen), '{image}: {instruction}' where it is words, "
        "and '{instruction}' where there is none.",
    )
    edits: int = Field(
        8,
        ge=1,
        le=64,
        description="Most edits in one round; those left out are recorded. The paper sets no "
        "limit, and its examples for the planner have one to three.",
    )
    rounds: int = Field(
        1,
        ge=1,
        le=10,
        description="How often to plan and edit; the paper: once. A round that finds nothing to "
        "change is the last.",
    )
    keep: Literal["last", "best"] = Field(
        "last",
        description="Which picture to keep after a round: the 'last' (the paper), or the 'best' by "
        "the planner's comparison, which then needs the ability 'compare'.",
    )
    edit_size: Literal["picture", "asked"] = Field(
        "picture",
        description="The size asked of the editor: that of the 'picture' (the paper), or what was "
        "'asked' of the painter, so the editor's own where nothing was: for an editor that does "
        "not paint every size.",
    )
    missing: str = Field(
        "add {caption}",
        description="The instruction for a missing concept, with {caption} and {name}, where the "
        "planner is a critic that reviews but gives no edits.",
    )
    retries: int = Field(3, ge=1, le=10, description="Tries for a usable plan, the first included.")
    temperature_step: float = Field(
        0.4,
        ge=0,
        le=1,
        description="How much the temperature rises from one try to the next, starting at 0.",
    )

    @field_validator("editor_prompt", "missing")
    @classmethod
    def _is_a_template(cls, value: str | None, info: Any) -> str | None:
        if value is None:
            return None
        if info.field_name == "editor_prompt" and info.data.get("conditioner") is not None:
            raise ValueError("the conditioner words an edit already: name one of the two")
        allowed, required = FIELDS[info.field_name]
        try:
            used = {name for _, name, _, _ in string.Formatter().parse(value) if name is not None}
        except ValueError as error:
            raise ValueError(f"{value!r} is not a template: {error}") from error
        if not required <= used or not used or used - allowed:
            names = ", ".join(f"{{{name}}}" for name in sorted(allowed))
            must = ", ".join(f"{{{name}}}" for name in sorted(required)) or "one of them"
            raise ValueError(f"{value!r} must use {must}, and nothing beyond {names}")
        return value


class GrapeConditionerConfig(ComponentConfig):
    """Options of the conditioner "grape"."""

    painter: Annotated[Table | None, Part("conditioner")] = Field(
        None,
        description="The conditioner that words prompt and references for the painter. Without, "
        "the prompt stays as it is and references are handed over in their order.",
    )
