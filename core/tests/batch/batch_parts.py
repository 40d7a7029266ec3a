"""Components that a batch must get along with: picky, dear, out of reach, large, slow."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from imagerag.errors import CapabilityError, CredentialsError
from imagerag.hooks import Offer, hookimpl
from imagerag.testing.config import ScriptedConfig, SizeConfig
from imagerag.testing.doubles import (
    HashingEncoder,
    MemoryRetriever,
    ScriptedCritic,
    SeededGenerator,
)
from imagerag.values import Facts, Matches, Unavailable, Usage


class PickyConfig(SizeConfig):
    """Options of the generator."""

    together: int = Field(1, description="Guidances of one call.")
    device: str = Field("cpu", description="Where it paints.")
    seconds: float = Field(0.0, description="Seconds of a call.")
    memory: float | None = Field(None, description="Gigabytes it says it takes.")


class DearConfig(ScriptedConfig):
    """Options of the critic."""

    at_once: int = Field(1, description="Calls at one time.")
    seconds: float = Field(0.0, description="Seconds of a call.")
    memory: float | None = Field(None, description="Gigabytes it says it takes.")
    priced: bool = Field(True, description="Whether its price is known.")
    away: str = Field("", description="A file that is there while nobody answers.")
    locked: bool = Field(False, description="Whether its key is refused.")


class Counted:
    """Counts calls under way at once, and components of a kind that are alive."""

    alive: ClassVar[dict[str, int]] = {}
    most_alive = 0
    loads: ClassVar[list[str]] = []
    devices: ClassVar[list[str]] = []
    """Where each picture was painted."""

    def enter(self):
        with self.lock:
            self.busy += 1
            self.peak = max(self.peak, self.busy)

    def leave(self):
        with self.lock:
            self.busy -= 1

    def begin(self, kind):
        self.lock, self.busy, self.peak = threading.Lock(), 0, 0
        self.kind, self.loaded = kind, False

    def load(self):
        if not self.loaded:
            self.loaded = True
            Counted.loads.append(self.kind)
            Counted.alive[self.kind] = 1
            Counted.most_alive = max(Counted.most_alive, sum(Counted.alive.values()))

    def close(self):
        Counted.alive[self.kind] = 0
        self.loaded = False


class PickyGenerator(Counted, SeededGenerator):
    """Paints nothing that is cursed; notes the sizes of what it is asked for together."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.begin("generator")
        self.calls = []
        self.prompts = []

    @property
    def batch_size(self):
        return self.config.together

    def facts(self):
        return Facts(model="picky", memory_gb=self.config.memory)

    def generate(self, guidances):
        self.load()
        self.calls.append([(g.width, len(g.references)) for g in guidances])
        self.prompts.append([g.prompt for g in guidances])
        self.devices.extend([self.config.device] * len(guidances))
        self.enter()
        try:
            time.sleep(self.config.seconds)
            for guidance in guidances:
                if "cursed" in guidance.prompt:
                    raise CapabilityError("this one is cursed.")
            return super().generate(guidances)
        finally:
            self.leave()


class DearCritic(Counted, ScriptedCritic):
    """Tells what each answer cost, by the length of the prompt."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.begin("critic")

    @property
    def concurrency(self):
        return self.config.at_once

    def facts(self):
        return Facts(model="dear", memory_gb=self.config.memory)

    def review(self, image, prompt, *, temperature=0.0):
        self.load()
        self.enter()
        try:
            time.sleep(self.config.seconds)
            self._spend("review", prompt)
            if self.config.locked:
                raise CredentialsError("the key is refused: set another.")
            if self.config.away and Path(self.config.away).exists():
                return Unavailable("nobody answers")
            if "sane" in prompt:
                return Matches()
            return super().review(image, prompt, temperature=temperature)
        finally:
            self.leave()

    def compare(self, prompt, a, b):
        self.load()
        self._spend("compare", prompt)
        return super().compare(prompt, a, b)

    def _spend(self, call, prompt):
        usd = len(prompt) / 1000 if self.config.priced else None
        self.context.spend(Usage(call=call, model="dear", usd=usd, input_tokens=len(prompt)))


class CountingRetriever(MemoryRetriever):
    """Notes how many texts each search had."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.searches = []

    def search(self, queries, k, where=None):
        self.searches.append([query.text for query in queries])
        return super().search(queries, k, where)


class LargeEncoder(Counted, HashingEncoder):
    """Says that it is large."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.begin("encoder")

    def facts(self):
        return Facts(model="large", memory_gb=0.8)

    def encode_texts(self, texts):
        self.load()
        return super().encode_texts(texts)


@hookimpl
def imagerag_generators():
    """Offer the generator."""
    return [Offer("picky", "x", "batch_parts:PickyGenerator", "batch_parts:PickyConfig")]


@hookimpl
def imagerag_critics():
    """Offer the critic."""
    return [Offer("dear", "x", "batch_parts:DearCritic", "batch_parts:DearConfig")]


@hookimpl
def imagerag_encoders():
    """Offer the encoder."""
    return [
        Offer("large", "x", "batch_parts:LargeEncoder", "imagerag.testing.config:HashingConfig")
    ]


@hookimpl
def imagerag_retrievers():
    """Offer the retriever."""
    config = "imagerag.testing.config:MemoryConfig"
    return [Offer("counting", "x", "batch_parts:CountingRetriever", config)]
