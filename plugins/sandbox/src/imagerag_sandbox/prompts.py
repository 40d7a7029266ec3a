"""The sandbox's world as prompts: its concepts, which of them the generator never saw."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from imagerag import Item
from imagerag.resources import local

TAG = "concept="
"""How a pool item's tag names its concept."""


@dataclass(frozen=True)
class Prompt:
    """One prompt of a measurement, with what it asks for and the seed it is painted with."""

    text: str
    concept: str
    background: str
    seed: int


@dataclass(frozen=True)
class World:
    """Names of the world. `phrases` holds each concept with its article: "an owl"."""

    concepts: tuple[str, ...]
    phrases: dict[str, str]
    held_out: tuple[str, ...]
    backgrounds: tuple[str, ...]

    @property
    def common(self) -> tuple[str, ...]:
        """Concepts that the generator was trained on."""
        held = set(self.held_out)
        return tuple(name for name in self.concepts if name not in held)

    def prompt(self, concept: str, background: str, seed: int) -> Prompt:
        """Return the prompt for a concept on a background ("striped green background")."""
        article = "an" if background[0] in "aeiou" else "a"
        return Prompt(
            f"{self.phrases[concept]} on {article} {background}", concept, background, seed
        )

    def held_out_prompts(
        self, limit: int | None = None, seed: int = 0, each: int = 2
    ) -> list[Prompt]:
        """Return `each` prompts for every held-out concept (or the first `limit`), by the seed."""
        return self._prompts(self.held_out[:limit], seed, each)

    def common_prompts(self, count: int, seed: int = 0) -> list[Prompt]:
        """Return `count` prompts of concepts that the generator knows, drawn by the seed."""
        names = random.Random(f"common {seed}").sample(self.common, min(count, len(self.common)))
        return self._prompts(tuple(names), seed, 1)

    def demo_prompts(self, count: int) -> list[Prompt]:
        """Return the demonstration's prompts: held-out concepts in an order fixed beforehand.

        The order comes from a seed alone, except that the hedgehog of the documentation is first
        where the generator never saw one.
        """
        names = list(self.held_out)
        random.Random("demonstration").shuffle(names)
        names.sort(key=lambda name: name != "hedgehog")
        return self._prompts(tuple(names[:count]), 1, 1)

    def _prompts(self, names: tuple[str, ...], seed: int, each: int) -> list[Prompt]:
        prompts = []
        for name in names:
            draw = random.Random(f"{name} {seed}")
            grounds = draw.sample(self.backgrounds, each)
            prompts += [self.prompt(name, ground, draw.randrange(2**31)) for ground in grounds]
        return prompts


@cache
def load_world() -> World:
    """Read the world that ships with the weights."""
    facts = json.loads(Path(local("package:imagerag_sandbox/data/world.json")).read_text("utf-8"))
    return World(
        concepts=tuple(facts["concepts"]),
        phrases=dict(zip(facts["concepts"], facts["phrases"], strict=True)),
        held_out=tuple(facts["held_out"]),
        backgrounds=tuple(
            f"{colour} background" if pattern == "plain" else f"{pattern} {colour} background"
            for colour in facts["colours"]
            for pattern in facts["patterns"]
        ),
    )


def concept_of(item: Item) -> str:
    """Return the concept that a pool item shows, from its tag "concept=NAME"; "" for others."""
    return next((tag.removeprefix(TAG) for tag in item.tags if tag.startswith(TAG)), "")
