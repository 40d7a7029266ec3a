"""How many prompts are worked on at once, as configuration. No picture depends on it."""

from __future__ import annotations

from pydantic import Field, model_validator

from imagerag.component_config import ComponentConfig


class BatchPolicy(ComponentConfig):
    """The `[batch]` table of a configuration."""

    window: int = Field(
        32,
        ge=1,
        le=10_000,
        description="Prompts under way at once; the pictures of so many are in memory.",
    )
    generators: int = Field(
        1,
        ge=1,
        le=64,
        description="Copies of the generator that paint side by side, each with its own memory.",
    )
    devices: tuple[str, ...] = Field(
        (),
        description="Devices of these copies, as in ['cuda:0', 'cuda:1']: each copy has its "
        "generator's option `device` set to one of them, in turn.",
    )
    lookups: int = Field(
        8,
        ge=1,
        le=1024,
        description="Texts looked up in one search. Fewer are filled up, because the last bits of "
        "a score depend on how many are encoded together; 1 gives the scores of a single run.",
    )
    memory: float | None = Field(
        None,
        gt=0,
        description="Gigabytes that models may take together. Where they do not fit, they are "
        "loaded in turn, for each window of prompts; all stay loaded where unset.",
    )
    give_up_after: int = Field(
        10,
        ge=1,
        description="Prompts that may fail one after the other, and in the same way, before the "
        "rest is left for another time.",
    )

    @model_validator(mode="after")
    def _a_copy_for_each_device(self) -> BatchPolicy:
        if len(self.devices) > self.generators:
            count = len(self.devices)
            raise ValueError(
                f"{count} devices, and {self.generators} of the generator to be on them: set "
                f"generators = {count}"
            )
        return self
