"""The configuration of one world and its trainings, read from TOML; unknown keys are errors."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class WorldConfig:
    """What is drawn: concepts, pictures and poses. Sizes are sides in pixels."""

    concepts: int
    held_out: int
    size: int
    sprite: int
    pool_size: int
    per_concept: int
    patterns: list[str]
    scale: list[float]
    shift: float
    rotation: float
    flip: bool


@dataclass(frozen=True)
class ClipConfig:
    """Shape and schedule of the contrastive encoder."""

    minutes: float
    batch: int
    lr: float
    patch: int
    width: int
    layers: int
    heads: int
    text_width: int
    text_layers: int
    text_heads: int
    context: int
    embed: int
    threads: int


@dataclass(frozen=True)
class VaeConfig:
    """Shape and schedule of the autoencoder; its factor is 2 ** (len(channels) - 1)."""

    minutes: float
    batch: int
    lr: float
    channels: list[int]
    latent: int
    threads: int


@dataclass(frozen=True)
class JudgeConfig:
    """Shape and schedule of the independent classifier."""

    minutes: float
    batch: int
    lr: float
    channels: list[int]
    threads: int


@dataclass(frozen=True)
class UnetConfig:
    """Shape and schedule of U-Net and adapter; `heads` counts heads per block."""

    minutes: float
    batch: int
    lr: float
    channels: list[int]
    heads: list[int]
    layers: int
    depth: list[int]
    resampler_dim: int
    resampler_heads: int
    queries: int
    threads: int
    processes: int


@dataclass(frozen=True)
class DecoderConfig:
    """Schedule of the last fine-tuning of the VAE's decoder."""

    minutes: float
    batch: int
    lr: float
    threads: int
    processes: int


@dataclass(frozen=True)
class Config:
    """One world with all its trainings."""

    name: str
    seed: int
    device: str
    world: WorldConfig
    clip: ClipConfig
    vae: VaeConfig
    judge: JudgeConfig
    unet: UnetConfig
    decoder: DecoderConfig

    @property
    def work(self) -> Path:
        """Folder of checkpoints, logs and sample grids."""
        return HERE.parent / ".work" / self.name

    @property
    def data(self) -> Path:
        """Folder that ships."""
        return HERE.parent / "src" / "imagerag_sandbox" / "data"


def load_config(name: str) -> Config:
    """Read `training/{name}.toml`; a key too many or too few is a TypeError that names it."""
    raw: dict[str, Any] = tomllib.loads((HERE / f"{name}.toml").read_text())
    return Config(
        name=name,
        seed=raw.pop("seed"),
        device=raw.pop("device"),
        world=WorldConfig(**raw.pop("world")),
        clip=ClipConfig(**raw.pop("clip")),
        vae=VaeConfig(**raw.pop("vae")),
        judge=JudgeConfig(**raw.pop("judge")),
        unet=UnetConfig(**raw.pop("unet")),
        decoder=DecoderConfig(**raw.pop("decoder")),
        **raw,
    )
