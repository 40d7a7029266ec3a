"""What the method asks of components, as values: whoever runs it decides where and when.

The method (`loop.method`) is a generator that yields these and is sent the answers. `run_prompt`
carries each out at once; a batch carries out those of many prompts side by side. So there is one
method, and its answers can be kept and given to it again after an interruption.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

from imagerag.values import Hit, Item, Reference

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.run import Painted

T = TypeVar("T")


@dataclass(frozen=True)
class Paint:
    """Paint a picture with these references. Answered by `Drawn`."""

    stage: str
    prompt: str
    references: tuple[Reference, ...]
    seed: int
    size: tuple[int, int] | None


@dataclass(frozen=True)
class Drawn:
    """A picture, and what is written down of it."""

    painted: Painted
    image: Image = field(compare=False, repr=False)


@dataclass(frozen=True)
class Ask:
    """Review a picture, or plan from the prompt where there is none. Answered by a `Review`."""

    stage: ClassVar[str] = "review"
    prompt: str
    picture: Image | None = field(compare=False, repr=False)
    temperature: float


@dataclass(frozen=True)
class Search:
    """Look texts up, to that depth. Answered by a list of hits that may be used, for each."""

    stage: ClassVar[str] = "retrieve"
    texts: tuple[str, ...]
    depth: int


@dataclass(frozen=True)
class Order:
    """Order the hits of a text anew. Answered by the ordered hits."""

    stage: ClassVar[str] = "retrieve"
    text: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True)
class Fetch:
    """Read the pictures of items. Answered by a picture for each."""

    stage: ClassVar[str] = "retrieve"
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Compare:
    """Say which of two pictures fits the prompt better. Answered by a `Comparison`."""

    stage: ClassVar[str] = "compare"
    prompt: str
    before: Image = field(compare=False, repr=False)
    new: Image = field(compare=False, repr=False)


Step: TypeAlias = Paint | Ask | Search | Order | Fetch | Compare

Steps: TypeAlias = Generator[Step, Any, T]
"""A part of the method: it yields steps, is sent their answers, and returns what they come to."""
