"""The base of every component's configuration."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict


class ComponentConfig(BaseModel):
    """Options of one component: unknown keys are errors, and the values never change.

    Give each field a default and a `description`: both appear in `imagerag config schema` and in
    the reference documentation. A field named like a secret is not allowed here: keys come from
    the environment.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


@dataclass(frozen=True)
class Part:
    """Marks an option that is the table of another component, of role `role`.

    `painter: Annotated[dict[str, Any], Part("generator")]` is one component,
    `of: tuple[Annotated[dict[str, Any], Part("retriever")], ...]` several. The table is validated
    by the plugin that its `use` names, and the component is built as `context.parts["painter"][0]`.
    """

    role: str


def parts_of(model: type[BaseModel]) -> dict[str, str]:
    """Return the options of a configuration class that are parts, with their roles."""
    found = {}
    for name, field in model.model_fields.items():
        marks = [*field.metadata, *_marks(field.annotation)]
        roles = {mark.role for mark in marks if isinstance(mark, Part)}
        if roles:
            (found[name],) = roles
    return found


def _marks(annotation: Any) -> Iterator[Any]:
    yield from getattr(annotation, "__metadata__", ())
    for inner in typing.get_args(annotation):
        yield from _marks(inner)
