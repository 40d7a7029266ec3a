"""Components that take their time, or none, and do nothing else; offered like any plugin's."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from imagerag import Concept, Guidance
from imagerag.hooks import Offer, hookimpl
from imagerag.roles import Critic, CriticAbility, Retriever
from imagerag.testing.config import ScriptedConfig, SizeConfig
from imagerag.testing.doubles import NullGenerator, SeededGenerator
from imagerag.values import Comparison, Hit, Item, Malformed, Missing, Query, Review

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.collection import Collection


class TimedConfig(SizeConfig):
    """Options of the generator that takes its time."""

    seconds: float = Field(0.05, ge=0, description="Seconds of a call.")


class FaultyConfig(ScriptedConfig):
    """Options of the critic that takes its time."""

    seconds: float = Field(0.03, ge=0, description="Seconds of a call.")
    slots: int = Field(8, ge=1, description="Calls at once.")
    failing: float = Field(0.0, ge=0, le=1, description="Share of calls without a usable answer.")


class TimedGenerator(SeededGenerator):
    """Paints noise, after a while."""

    def generate(self, guidances: Sequence[Guidance]) -> list[Image]:
        """Wait, then paint."""
        time.sleep(self.config.seconds)
        return super().generate(guidances)


class FlatGenerator(NullGenerator):
    """Paints one colour, which differs for each guidance."""

    def generate(self, guidances: Sequence[Guidance]) -> list[Image]:
        """Return small pictures of one colour."""
        from PIL import Image

        return [
            Image.new("RGB", (8, 8), _colour(f"{one.prompt} {one.seed} {len(one.references)}"))
            for one in guidances
        ]


class FixedRetriever(Retriever):
    """Finds the first item of a collection, whatever is asked, and looks nothing up."""

    compares = "captions"
    _item: Item
    _picture: Image

    def sync(self, collection: Collection) -> int:
        """Read the first item, once."""
        if not hasattr(self, "_item"):
            self._item = next(iter(collection.items()))
            self._picture = collection.image(self._item.id)
        return 0

    def search(
        self, queries: Sequence[Query], k: int, where: Callable[[Item], bool] | None = None
    ) -> list[list[Hit]]:
        """Return that item for each query."""
        return [[Hit(self._item, 1.0, one.text or "")] for one in queries]

    def image(self, item: Item) -> Image:
        """Return its picture, read once."""
        return self._picture


class FaultyCritic(Critic):
    """Finds every draft lacking, after a while, and sometimes says nothing of use."""

    abilities: ClassVar[frozenset[CriticAbility]] = frozenset({"compare"})

    def __init__(self, config: Any, context: Any) -> None:
        super().__init__(config, context)
        self.calls = 0
        self._lock = threading.Lock()

    @property
    def concurrency(self) -> int:
        """As many as there are slots."""
        return int(self.config.slots)

    def review(self, image: Image, prompt: str, *, temperature: float = 0.0) -> Review:
        """Wait, then find a hedgehog missing, unless this call fails."""
        if self._fails(f"{prompt} {temperature}"):
            return Malformed("simulated")
        return Missing((Concept("hedgehog", "a photo of a hedgehog"),))

    def compare(self, prompt: str, a: Image, b: Image) -> Comparison:
        """Wait, then take the second, unless this call fails."""
        return Comparison("tie" if self._fails(prompt) else "b")

    def _fails(self, text: str) -> bool:
        if self.config.seconds:
            time.sleep(self.config.seconds)
        with self._lock:
            self.calls += 1
        drawn = hashlib.sha256(text.encode()).digest()
        return int.from_bytes(drawn[:4]) < self.config.failing * 2**32


@hookimpl
def imagerag_generators() -> list[Offer]:
    """Offer the generators."""
    config = "simulated:TimedConfig"
    return [
        Offer("timed", "noise, after a while", "simulated:TimedGenerator", config),
        Offer("flat", "one colour, at once", "simulated:FlatGenerator", config),
    ]


@hookimpl
def imagerag_retrievers() -> list[Offer]:
    """Offer the retriever."""
    target, config = "simulated:FixedRetriever", "imagerag.testing.config:MemoryConfig"
    return [Offer("fixed", "the first item, always", target, config)]


@hookimpl
def imagerag_critics() -> list[Offer]:
    """Offer the critic."""
    target, config = "simulated:FaultyCritic", "simulated:FaultyConfig"
    return [Offer("faulty", "finds all lacking, after a while", target, config)]


def _colour(text: str) -> tuple[int, int, int]:
    red, green, blue = hashlib.sha256(text.encode()).digest()[:3]
    return red, green, blue
