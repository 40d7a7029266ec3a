"""A bank of prepared training samples, renewed a little at every step.

Drawing, encoding and reading a sample cost half of what the U-Net spends on it, so each sample is
met about three times, with new noise, another time step and another choice of conditions.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .config import Config
from .frozen import TextStates, image_tokens
from .novel import invent
from .render import (
    Pose,
    halve,
    nearby_pose,
    paint_background,
    paste,
    random_pose,
    resize_like_pil,
)
from .world import CONDITIONED, NAMELESS, World

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from open_clip import CLIP

NOVEL = 0.28  # of all samples: appearances without a name
NEAR = 0.75  # of all samples: reference in nearly the pose of the target
WRONG_NAME = 0.5  # of novel samples: captioned as a training concept that they are not


@dataclass
class Samples:
    """Prepared samples; all tensors have one row each."""

    latents: Tensor  # (B, C, h, w), near unit variance
    tokens: Tensor  # (B, 1 + patches, width) of the reference
    plain: Tensor  # row of the caption among the text states
    conditioned: Tensor  # row of the conditioner's wording
    basis: Tensor  # bool: may be learnt without the reference


class Painter:
    """Draws samples; `pictures` is what evaluation and grids use too."""

    def __init__(
        self,
        config: Config,
        world: World,
        vae: AutoencoderKL,
        clip: CLIP,
        texts: TextStates,
        mean: Tensor,
        deviation: Tensor,
    ) -> None:
        self.config, self.world, self.vae, self.clip, self.texts = config, world, vae, clip, texts
        self.mean, self.deviation = mean, deviation
        self.random = random.Random(config.seed)
        self.trained = torch.tensor(world.trained, device=config.device)
        self.allowed = torch.tensor(world.trained + world.nameless, device=config.device)

    def pictures(self, sprites: Tensor, pose: Pose, colour: Tensor, pattern: Tensor) -> Tensor:
        """Pictures (B, 3, P, P) in [0, 1] at the size that ships."""
        side = self.config.world.pool_size
        return paste(sprites, pose, paint_background(colour, pattern, self.world.patterns, side))

    def backgrounds(self, count: int) -> tuple[Tensor, Tensor]:
        """Random colours and patterns."""
        device, kinds = self.config.device, len(self.world.patterns)
        colour = torch.randint(10, (count,), device=device)
        return colour, torch.randint(kinds, (count,), device=device)

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        """Latents of near unit variance of pictures in [0, 1] at the model's size."""
        latents = self.vae.encode(pictures * 2 - 1).latent_dist.mode()
        return (latents - self.mean) / self.deviation

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Pictures in [0, 1]."""
        made = self.vae.decode(latents * self.deviation + self.mean).sample
        return (made / 2 + 0.5).clamp(0, 1)

    def captions(self, concept: int, colour: int, pattern: int) -> tuple[str, str]:
        """Plain caption and the conditioner's wording; concept -1 is a novel appearance."""
        world = self.world
        if concept >= 0:
            phrase = world.phrases[concept]
        elif self.random.random() < WRONG_NAME:
            phrase = world.phrases[self.random.choice(world.trained)]
        else:
            phrase = self.random.choice(NAMELESS)
        caption = world.caption(phrase, colour, pattern)
        return caption, CONDITIONED.format(name=phrase, caption=caption)

    @torch.no_grad()
    def draw(self, count: int) -> Samples:
        """New samples, the novel ones first."""
        config, device = self.config.world, self.config.device
        novel = int(count * NOVEL)
        concept = self.trained[torch.randint(len(self.trained), (count,), device=device)]
        concept[:novel] = -1
        fresh = invent(self.world.sprites, self.allowed, novel)
        sprites = torch.cat([fresh, self.world.sprites[concept[novel:]]])
        colour, pattern = self.backgrounds(count)
        pose = random_pose(config, count, device)
        target = halve(self.pictures(sprites, pose, colour, pattern), config.size)
        near = torch.rand(count, device=device) < NEAR
        other = nearby_pose(config, pose).where(near, random_pose(config, count, device))
        reference = self.pictures(sprites, other, *self.backgrounds(count))
        told = [
            self.captions(*row)
            for row in zip(concept.tolist(), colour.tolist(), pattern.tolist(), strict=True)
        ]
        return Samples(
            latents=self.encode(target),
            tokens=image_tokens(self.clip, resize_like_pil(reference, config.size)),
            plain=self.texts.rows([plain for plain, _ in told]),
            conditioned=self.texts.rows([conditioned for _, conditioned in told]),
            basis=concept >= 0,
        )


class Bank:
    """`size` samples, the oldest replaced first."""

    def __init__(self, painter: Painter, size: int) -> None:
        self.painter = painter
        parts = [painter.draw(256) for _ in range(size // 256)]
        names = ("latents", "tokens", "plain", "conditioned", "basis")
        self.kept = Samples(*(torch.cat([getattr(p, name) for p in parts]) for name in names))
        self.size, self.next = len(self.kept.plain), 0

    def renew(self, count: int) -> None:
        """Replace the `count` oldest samples."""
        fresh = self.painter.draw(count)
        rows = (torch.arange(count, device=fresh.plain.device) + self.next) % self.size
        self.next = (self.next + count) % self.size
        for name, value in vars(fresh).items():
            getattr(self.kept, name)[rows] = value

    def pick(self, count: int) -> Samples:
        """A random batch."""
        rows = torch.randint(self.size, (count,), device=self.kept.plain.device)
        return Samples(**{name: value[rows] for name, value in vars(self.kept).items()})
