"""One picture on its way from the painter through its edits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imagerag.values import Guidance
from imagerag_grape.editing import pixels_digest

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass
class Painting:
    """A guidance, the picture so far, and the edits that led to it.

    `todo` are the instructions of the round under way, `done` those that have been carried out in
    all rounds. `going` ends with the first round that changes nothing.
    """

    guidance: Guidance
    prompt: str
    picture: Image
    decide: Callable[[str, str], None]
    todo: tuple[str, ...] = ()
    done: list[str] = field(default_factory=list)
    going: bool = True

    @property
    def digest(self) -> str:
        """SHA-256 of the picture so far."""
        return pixels_digest(self.picture)

    def step(self, number: int) -> str:
        """Name an edit of this round, counted from 0."""
        return f"edit {number + 1} of {len(self.todo)}: {self.todo[number]!r}"

    def edited(self, number: int, picture: Image) -> None:
        """Take over the picture that an edit made, and write down both."""
        before, self.picture = self.digest, picture
        self.done.append(self.todo[number])
        self.decide(self.step(number), f"picture sha256 {before} → {self.digest}")

    def finished(self) -> Image:
        """Return the picture, with its edits beside it: given as options, they repeat it."""
        picture = self.picture.copy()
        picture.info["imagerag"] = {"edits": list(self.done)}
        return picture
