"""Appearances that nobody has named, made on the fly from training glyphs.

They teach the adapter to copy what it sees: there are far too many to remember, and their captions
say nothing about them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def _mix_colours(sprites: Tensor) -> Tensor:
    """Permute, invert and blend the colour channels of each sprite at random."""
    count, device = len(sprites), sprites.device
    order = torch.rand(count, 3, device=device).argsort(dim=1)
    matrix = torch.nn.functional.one_hot(order, 3).float()
    blend = torch.rand(count, 3, 3, device=device).softmax(dim=-1)
    weight = torch.rand(count, 1, 1, device=device) * 0.5
    colour = torch.einsum("bij,bjhw->bihw", matrix * (1 - weight) + blend * weight, sprites[:, :3])
    invert = (torch.rand(count, 3, 1, 1, device=device) < 0.3).float()
    # In premultiplied colour the opposite of c is alpha - c.
    colour = colour * (1 - invert) + (sprites[:, 3:] - colour) * invert
    return torch.cat([colour, sprites[:, 3:]], dim=1)


def _half_planes(count: int, side: int, device: torch.device) -> Tensor:
    """Masks (B, 1, side, side), 1 on one side of a line near the centre at a random angle."""
    axis = torch.linspace(-1, 1, side, device=device)
    angle = torch.rand(count, 1, 1, device=device) * 2 * math.pi
    offset = (torch.rand(count, 1, 1, device=device) - 0.5) * 0.5
    plane = torch.cos(angle) * axis[None, None, :] + torch.sin(angle) * axis[None, :, None]
    return (plane > offset).float()[:, None]


def _clothe(shape: Tensor, texture: Tensor) -> Tensor:
    """The texture of one sprite inside the silhouette of another."""
    alpha = texture[:, 3:]
    mean = texture[:, :3].sum((2, 3), keepdim=True) / alpha.sum((2, 3), keepdim=True).clamp(min=1)
    filled = texture[:, :3] + (1 - alpha) * mean
    return torch.cat([filled * shape[:, 3:], shape[:, 3:]], dim=1)


def _turn(sprites: Tensor) -> Tensor:
    """Mirror or turn by quarters, each sprite at random."""
    flip = torch.rand(len(sprites), 1, 1, 1, device=sprites.device)
    sprites = torch.where(flip < 0.5, sprites.flip(-1), sprites)
    flip = torch.rand_like(flip)
    sprites = torch.where(flip < 0.2, sprites.flip(-2), sprites)
    flip = torch.rand_like(flip)
    return torch.where(flip < 0.2, sprites.transpose(-1, -2), sprites)


def invent(sprites: Tensor, sources: Tensor, count: int) -> Tensor:
    """`count` novel sprites from those that `sources` (indices) allows: (count, 4, S, S)."""
    device = sprites.device

    def pick() -> Tensor:
        chosen = sources[torch.randint(len(sources), (count,), device=sources.device)]
        return _turn(sprites[chosen.to(device)])

    first, second = pick(), pick()
    kind = torch.rand(count, 1, 1, 1, device=device)
    mask = _half_planes(count, sprites.shape[-1], device)
    joined = first * mask + second * (1 - mask)
    result = torch.where(kind < 0.45, joined, first)
    result = torch.where(kind > 0.75, _clothe(first, second), result)
    recolour = (torch.rand(count, 1, 1, 1, device=device) < 0.6).float()
    return _mix_colours(result) * recolour + result * (1 - recolour)
