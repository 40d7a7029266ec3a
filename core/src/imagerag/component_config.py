"""The base of every component's configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ComponentConfig(BaseModel):
    """Options of one component: unknown keys are errors, and the values never change.

    Give each field a default and a `description`: both appear in `imagerag config schema` and in
    the reference documentation. A field named like a secret is not allowed here: keys come from
    the environment.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
