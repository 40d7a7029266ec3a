"""Captions for contrastive training, with what each of them claims."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import Tensor

from .world import COLOURS, CONDITIONED, NAME_TEMPLATES, World, background_phrase

ANY = -1  # a text that says nothing of this attribute


class Captioner:
    """Draws texts for pictures, as token ids, with the claims they make."""

    def __init__(self, world: World, tokenizer: Any, seed: int) -> None:
        self.world = world
        self.tokenizer = tokenizer
        self.random = random.Random(seed)
        self.colours = list(COLOURS)
        self._known: dict[str, list[int]] = {}

    def ids(self, text: str) -> list[int]:
        """Token ids of a text, cached."""
        if text not in self._known:
            self._known[text] = self.tokenizer(text, truncation=True).input_ids
        return self._known[text]

    def pad(self, texts: list[str]) -> Tensor:
        """Token ids (B, longest), padded with the end token."""
        rows = [self.ids(text) for text in texts]
        longest = max(map(len, rows))
        return torch.tensor([row + [row[-1]] * (longest - len(row)) for row in rows])

    def describe(self, concept: int, colour: int, pattern: int) -> tuple[str, tuple[int, int, int]]:
        """A text that is true of the picture, and its claims (concept, colour, pattern)."""
        world, draw = self.world, self.random.random()
        phrase = world.phrases[concept]
        if draw < 0.45:
            return world.caption(phrase, colour, pattern), (concept, colour, pattern)
        if draw < 0.80:
            name = phrase if self.random.random() < 0.85 else world.names[concept]
            return self.random.choice(NAME_TEMPLATES).format(name=name), (concept, ANY, ANY)
        if draw < 0.88:
            text = background_phrase(self.colours[colour], world.patterns[pattern])
            return text, (ANY, colour, pattern)
        caption = world.caption(phrase, colour, pattern)
        text = CONDITIONED.format(name=phrase, caption=caption)
        return text, (concept, colour, pattern)


def agreement(claims: Tensor, truth: Tensor) -> Tensor:
    """Which text (rows) is true of which picture (columns): bool (B, B) from (B, 3) each."""
    equal = claims[:, None] == truth[None]
    return (equal | (claims[:, None] == ANY)).all(dim=-1)
