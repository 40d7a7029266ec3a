"""The trained, frozen parts that the generator stands on: text states, image tokens, latents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .config import Config
from .encoder import PatchProbe, build_clip, normalise, see
from .texts import Captioner
from .tokens import build_tokenizer
from .vae import build_vae
from .world import World

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from open_clip import CLIP


def load_clip(config: Config, world: World) -> tuple[CLIP, PatchProbe, Captioner]:
    """The trained CLIP with its probe, and its tokenizer."""
    tokenizer = build_tokenizer(world, config.clip.context)
    model = build_clip(config, len(tokenizer))
    probe = PatchProbe(config.clip, (config.world.size // config.clip.patch) ** 2)
    path = config.work / "clip" / "model.pt"
    state = torch.load(path, weights_only=True, map_location="cpu")
    model.load_state_dict(state["model"])
    probe.load_state_dict(state["probe"])
    model = model.to(config.device).eval().requires_grad_(False)
    return model, probe.to(config.device), Captioner(world, tokenizer, config.seed)


def load_vae(config: Config) -> tuple[AutoencoderKL, Tensor, Tensor]:
    """The trained VAE; mean and deviation (1, C, 1, 1) of its latents."""
    folder = config.work / "vae"
    vae = build_vae(config)
    state = torch.load(folder / "model.pt", weights_only=True, map_location="cpu")["model"]
    vae.load_state_dict(state)
    facts = json.loads((config.work / "vae" / "figures.json").read_text())
    shape = (1, -1, 1, 1)
    mean = torch.tensor(facts["latent_mean"]).view(shape).to(config.device)
    deviation = torch.tensor(facts["latent_std"]).view(shape).to(config.device)
    return vae.to(config.device).eval().requires_grad_(False), mean, deviation


class TextStates:
    """States of every caption met so far, as StableDiffusionXLPipeline would compute them.

    Row i: penultimate states (L, W) of the padded caption, and its projected end state (E).
    """

    def __init__(self, clip: CLIP, captioner: Captioner, context: int, device: str) -> None:
        self.clip, self.captioner, self.context = clip, captioner, context
        width = clip.token_embedding.weight.shape[1]
        self.states = torch.empty(1024, context, width, device=device)
        self.pooled = torch.empty(1024, clip.text_projection.shape[1], device=device)
        self.known: dict[str, int] = {}

    @torch.no_grad()
    def rows(self, captions: list[str]) -> Tensor:
        """Row numbers (B,) of captions, computing those not met yet."""
        fresh = [text for text in dict.fromkeys(captions) if text not in self.known]
        if fresh:
            self._add(fresh)
        return torch.tensor([self.known[text] for text in captions], device=self.states.device)

    def _add(self, fresh: list[str]) -> None:
        start, end = len(self.known), len(self.known) + len(fresh)
        while end > len(self.states):
            self.states = torch.cat([self.states, torch.empty_like(self.states)])
            self.pooled = torch.cat([self.pooled, torch.empty_like(self.pooled)])
        ids = [self.captioner.ids(text) for text in fresh]
        padded = [row + [row[-1]] * (self.context - len(row)) for row in ids]
        tokens = torch.tensor(padded, device=self.states.device)
        clip = self.clip
        x = clip.token_embedding(tokens) + clip.positional_embedding
        blocks = clip.transformer.resblocks
        for block in blocks[:-1]:
            x = block(x, attn_mask=clip.attn_mask)
        self.states[start:end] = x
        x = clip.ln_final(blocks[-1](x, attn_mask=clip.attn_mask))
        x = x[torch.arange(len(x), device=x.device), tokens.argmax(dim=-1)]
        self.pooled[start:end] = x @ clip.text_projection
        self.known |= {text: start + i for i, text in enumerate(fresh)}


@torch.no_grad()
def image_tokens(clip: CLIP, pictures: Tensor) -> Tensor:
    """What an IP-Adapter-plus reads of pictures in [0, 1]: (B, 1 + patches, width)."""
    return see(clip, normalise(pictures), whole=False)[1]


@torch.no_grad()
def no_image_tokens(clip: CLIP, side: int, device: str) -> Tensor:
    """What it reads in place of the unconditional image: the encoder's states of a zero tensor."""
    return see(clip, torch.zeros(1, 3, side, side, device=device), whole=False)[1]
