"""Components that take their time and do nothing else, offered like any plugin's."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from imagerag import Concept, Guidance
from imagerag.hooks import Offer, hookimpl
from imagerag.roles import Critic, CriticAbility
from imagerag.testing.config import ScriptedConfig, SizeConfig
from imagerag.testing.doubles import SeededGenerator
from imagerag.values import Comparison, Malformed, Missing, Review

if TYPE_CHECKING:
    from PIL.Image import Image


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
        time.sleep(self.config.seconds)
        with self._lock:
            self.calls += 1
        drawn = hashlib.sha256(text.encode()).digest()
        return int.from_bytes(drawn[:4]) < self.config.failing * 2**32


@hookimpl
def imagerag_generators() -> list[Offer]:
    """Offer the generator."""
    target, config = "simulated:TimedGenerator", "simulated:TimedConfig"
    return [Offer("timed", "noise, after a while", target, config)]


@hookimpl
def imagerag_critics() -> list[Offer]:
    """Offer the critic."""
    target, config = "simulated:FaultyCritic", "simulated:FaultyConfig"
    return [Offer("faulty", "finds all lacking, after a while", target, config)]
