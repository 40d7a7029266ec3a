"""What is known of published weights, as data that each plugin states for its own models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Published:
    """What the owner of weights says of them.

    `pipeline` is the class of diffusers that runs them, `revision` the commit that the hub id means
    where the configuration names none (None: the configuration must), `sizes` (width, height) pairs
    in pixels that they were trained for, `memory_gb` what inference needs in half precision, None
    where nobody measured it, `gated` whether the hub wants their terms accepted first.
    """

    pipeline: str
    licence: str
    commercial: bool | None
    revision: str | None = None
    sizes: tuple[tuple[int, int], ...] = ()
    memory_gb: float | None = None
    gated: bool = False


Catalogue: TypeAlias = Mapping[str, Published]
"""Published weights by hub id."""


def known(model: str, catalogue: Catalogue) -> Published | None:
    """Return what is known of `model`, which may carry the prefix "hf-hub:"."""
    return catalogue.get(model.removeprefix("hf-hub:"))


def revision_of(model: str, configured: str | None, catalogue: Catalogue) -> str | None:
    """Return the configured revision, else the pinned one of a known model, else None."""
    found = known(model, catalogue)
    return configured or (found.revision if found else None)
