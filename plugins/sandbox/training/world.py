"""Which concepts there are, which are held out, and how backgrounds and captions read."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from .config import Config
from .glyphs import draw_sprites, list_glyphs, looks_apart, thin_out

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (206, 72, 72),
    "orange": (238, 146, 62),
    "yellow": (244, 220, 98),
    "green": (106, 184, 96),
    "cyan": (112, 210, 214),
    "blue": (76, 116, 208),
    "purple": (148, 92, 188),
    "pink": (242, 164, 196),
    "brown": (138, 98, 68),
    "grey": (152, 152, 152),
}
NAME_TEMPLATES = [
    "{name}",
    "a photo of {name}",
    "a picture of {name}",
    "an image of {name}",
    "a drawing of {name}",
    "a painting of {name}",
]
CAPTION = "{name} on {background}"
CONDITIONED = "According to this image of {name}, generate {caption}"
FAMOUS = ("hedgehog",)  # the concept of every example in the documentation
NAMELESS = ["an object", "something", "a thing"]


def with_article(noun: str) -> str:
    """`hedgehog` → `a hedgehog`, `owl` → `an owl`."""
    vowel = noun[0] in "aeiou" and not noun.startswith(("unicorn", "ukulele"))
    return f"an {noun}" if vowel else f"a {noun}"


def background_phrase(colour: str, pattern: str) -> str:
    """`a green background`, or with its pattern `a striped green background`."""
    words = [colour, "background"] if pattern == "plain" else [pattern, colour, "background"]
    return with_article(" ".join(words))


@dataclass(frozen=True)
class World:
    """Concepts come first among the sprites, in the order of `names`; nameless ones follow."""

    seed: int
    names: list[str]
    codes: list[int]
    held_out: list[int]
    patterns: list[str]
    sprites: Tensor

    @cached_property
    def trained(self) -> list[int]:
        """Concepts that the generator learns, by index."""
        held = set(self.held_out)
        return [i for i in range(len(self.names)) if i not in held]

    @cached_property
    def nameless(self) -> list[int]:
        """Sprites that are no concept of this world, by index."""
        return list(range(len(self.names), len(self.sprites)))

    @cached_property
    def phrases(self) -> list[str]:
        """Every concept with its article."""
        return [with_article(name) for name in self.names]

    def caption(self, phrase: str, colour: int, pattern: int) -> str:
        """`a hedgehog on a striped green background`."""
        background = background_phrase(list(COLOURS)[colour], self.patterns[pattern])
        return CAPTION.format(name=phrase, background=background)


def build_world(config: Config) -> World:
    """Draw the sprites, choose the concepts and the held-out ones by the seed."""
    glyphs = list_glyphs()
    sprites = draw_sprites(glyphs, config.world.sprite)
    everything = thin_out(sprites, list(range(len(glyphs))), len(glyphs))
    wanted = config.world.concepts
    pool = [i for i in everything if glyphs[i].world] if wanted < len(everything) else everything
    certain = {i for i, glyph in enumerate(glyphs) if glyph.name in FAMOUS}
    concepts = thin_out(sprites, pool, wanted, certain)
    chosen = set(concepts)
    draw = random.Random(config.seed)
    held_out = sorted(draw.sample(range(len(concepts)), config.world.held_out))
    # Nameless appearances train the generator, so none may resemble what is held out from it.
    apart = looks_apart(sprites)
    hidden = [concepts[i] for i in held_out]
    nameless = [i for i in everything if i not in chosen and float(apart[i, hidden].min()) > 0.1]
    return World(
        seed=config.seed,
        names=[glyphs[i].name for i in concepts],
        codes=[glyphs[i].code for i in concepts],
        held_out=held_out,
        patterns=config.world.patterns,
        sprites=torch.cat([sprites[concepts], sprites[nameless]]),
    )


def write_world(world: World, config: Config) -> None:
    """Write `world.json`, what the shipped package knows about this world."""
    facts = {
        "name": config.name,
        "seed": world.seed,
        "size": config.world.size,
        "concepts": world.names,
        "phrases": world.phrases,
        "codepoints": [f"{code:x}" for code in world.codes],
        "held_out": [world.names[i] for i in world.held_out],
        "nameless_training_glyphs": len(world.nameless),
        "colours": {name: list(rgb) for name, rgb in COLOURS.items()},
        "patterns": world.patterns,
        "caption": CAPTION,
        "conditioned": CONDITIONED,
        "name_templates": NAME_TEMPLATES,
    }
    config.data.mkdir(parents=True, exist_ok=True)
    (config.data / "world.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
