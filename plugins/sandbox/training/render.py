"""Pictures of sprites on backgrounds, a batch at a time, on any device."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .config import WorldConfig
from .world import COLOURS

STRIPE = 4  # stripes (and rows of dots) per picture: as wide as a latent of the small world, twice
CONTRAST = 0.13  # of the value: patterns are calm


@dataclass(frozen=True)
class Pose:
    """Scale, shift (of the side), rotation (radians) and mirror (±1) of each sprite, all (B,)."""

    scale: Tensor
    shift_x: Tensor
    shift_y: Tensor
    angle: Tensor
    mirror: Tensor

    def where(self, keep: Tensor, other: Pose) -> Pose:
        """This pose where `keep` (B,) is true, elsewhere `other`."""
        return Pose(
            *(torch.where(keep, a, b) for a, b in zip(self.parts, other.parts, strict=True))
        )

    @property
    def parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The five tensors."""
        return self.scale, self.shift_x, self.shift_y, self.angle, self.mirror


def random_pose(config: WorldConfig, count: int, device: torch.device | str = "cpu") -> Pose:
    """Poses as the world allows them."""
    low, high = config.scale

    def spread(width: float) -> Tensor:
        return (torch.rand(count, device=device) * 2 - 1) * width

    mirror = torch.ones(count, device=device)
    if config.flip:
        mirror = mirror - 2 * (torch.rand(count, device=device) < 0.5).float()
    scale = torch.rand(count, device=device) * (high - low) + low
    angle = spread(math.radians(config.rotation))
    return Pose(scale, spread(config.shift), spread(config.shift), angle, mirror)


def nearby_pose(config: WorldConfig, pose: Pose) -> Pose:
    """Nearly the same pose: a fifth of the world's freedom away, as real training pairs are."""
    other = random_pose(config, len(pose.scale), pose.scale.device)
    middle = sum(config.scale) / 2
    return Pose(
        (pose.scale + 0.2 * (other.scale - middle)).clamp(*config.scale),
        pose.shift_x + 0.2 * other.shift_x,
        pose.shift_y + 0.2 * other.shift_y,
        pose.angle + 0.2 * other.angle,
        pose.mirror,
    )


def paint_background(colour: Tensor, pattern: Tensor, names: list[str], side: int) -> Tensor:
    """Backgrounds (B, 3, side, side) in [0, 1] for colour and pattern indices (B,)."""
    device = colour.device
    table = torch.tensor(list(COLOURS.values()), device=device, dtype=torch.float32) / 255
    flat = table[colour] + torch.randn(len(colour), 3, device=device) * 0.015
    axis = (torch.arange(side, device=device) + 0.5) / side * STRIPE
    across = (axis % 1 < 0.5).float()
    x, y = axis[None, :] % 1 - 0.5, axis[:, None] % 1 - 0.5
    shapes = {
        "plain": torch.zeros(side, side, device=device),
        "striped": (across * 2 - 1)[None, :].expand(side, side),
        "dotted": (x * x + y * y < 0.08).float() * 2 - 1,
        "chequered": (across[None, :] != across[:, None]).float() * 2 - 1,
    }
    relief = torch.stack([shapes[name] for name in names])[pattern][:, None]
    return (flat[..., None, None] * (1 + CONTRAST * relief)).clamp(0, 1)


def paste(sprites: Tensor, pose: Pose, background: Tensor) -> Tensor:
    """Sprites (B, 4, S, S) in their poses over backgrounds (B, 3, H, H); in [0, 1]."""
    side = background.shape[-1]
    cos = torch.cos(pose.angle) / pose.scale
    sin = torch.sin(pose.angle) / pose.scale
    left, top = pose.shift_x * 2, pose.shift_y * 2
    row_x = torch.stack([cos * pose.mirror, sin * pose.mirror], dim=1)
    row_y = torch.stack([-sin, cos], dim=1)
    offset_x = -(row_x[:, 0] * left + row_x[:, 1] * top)
    offset_y = -(row_y[:, 0] * left + row_y[:, 1] * top)
    theta = torch.stack(
        [
            torch.cat([row_x, offset_x[:, None]], dim=1),
            torch.cat([row_y, offset_y[:, None]], dim=1),
        ],
        dim=1,
    )
    grid = F.affine_grid(theta, [len(sprites), 4, side, side], align_corners=False)
    drawn = F.grid_sample(sprites, grid, mode="bilinear", align_corners=False)
    return (drawn[:, :3] + (1 - drawn[:, 3:]) * background).clamp(0, 1)


def halve(pictures: Tensor, side: int) -> Tensor:
    """Pictures averaged down to `side`, as a camera would."""
    factor = pictures.shape[-1] // side
    return F.avg_pool2d(pictures, factor) if factor > 1 else pictures


def resize_like_pil(pictures: Tensor, side: int) -> Tensor:
    """Bicubic with antialiasing, what CLIP's preprocessing does to a shipped picture."""
    sized = F.interpolate(
        pictures, size=(side, side), mode="bicubic", antialias=True, align_corners=False
    )
    return sized.clamp(0, 1)
