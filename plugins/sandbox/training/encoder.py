"""The CLIP of the sandbox: open_clip's model, its pieces where training needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import ClipConfig, Config

if TYPE_CHECKING:
    from open_clip import CLIP

# What diffusers and transformers assume of an image encoder when nothing else is said.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def model_config(config: Config, vocabulary: int) -> dict[str, Any]:
    """open_clip's `model_cfg`."""
    clip = config.clip
    return {
        "embed_dim": clip.embed,
        "vision_cfg": {
            "image_size": config.world.size,
            "layers": clip.layers,
            "width": clip.width,
            "head_width": clip.width // clip.heads,
            "patch_size": clip.patch,
        },
        "text_cfg": {
            "context_length": clip.context,
            "vocab_size": vocabulary,
            "width": clip.text_width,
            "heads": clip.text_heads,
            "layers": clip.text_layers,
        },
    }


def build_clip(config: Config, vocabulary: int) -> CLIP:
    """An untrained model."""
    import open_clip

    made = model_config(config, vocabulary)
    return open_clip.CLIP(made["embed_dim"], made["vision_cfg"], made["text_cfg"])


def normalise(pictures: Tensor) -> Tensor:
    """Pictures in [0, 1] as the vision tower wants them."""
    mean = torch.tensor(MEAN, device=pictures.device)[:, None, None]
    std = torch.tensor(STD, device=pictures.device)[:, None, None]
    return (pictures - mean) / std


def see(model: CLIP, pixels: Tensor, whole: bool = True) -> tuple[Tensor, Tensor]:
    """Unit embeddings (B, E) and penultimate tokens (B, 1 + patches, width) of pixel tensors.

    With `whole` false the last layer is skipped, and the first result is empty: that is all an
    IP-Adapter-plus reads (`hidden_states[-2]`).
    """
    tower = model.visual
    x = tower.conv1(pixels).flatten(2).transpose(1, 2)
    start = tower.class_embedding.expand(len(x), 1, -1)
    x = tower.ln_pre(torch.cat([start, x], dim=1) + tower.positional_embedding)
    blocks = tower.transformer.resblocks
    for block in blocks[:-1]:
        x = block(x)
    if not whole:
        return x[:0, 0], x
    pooled = tower.ln_post(blocks[-1](x)[:, 0]) @ tower.proj
    return F.normalize(pooled, dim=-1), x


def read(model: CLIP, tokens: Tensor) -> Tensor:
    """Unit embeddings (B, E) of token ids (B, L); L may be shorter than the context."""
    length = tokens.shape[1]
    x = model.token_embedding(tokens) + model.positional_embedding[:length]
    mask = model.attn_mask[:length, :length]
    for block in model.transformer.resblocks:
        x = block(x, attn_mask=mask)
    x = model.ln_final(x)[torch.arange(len(x), device=x.device), tokens.argmax(dim=-1)]
    return F.normalize(x @ model.text_projection, dim=-1)


class PatchProbe(nn.Module):
    """What each penultimate token must keep, read linearly: its patch's pixels and its place."""

    def __init__(self, clip: ClipConfig, patches: int) -> None:
        super().__init__()
        self.patch = clip.patch
        self.pixels = nn.Linear(clip.width, 3 * clip.patch**2)
        self.place = nn.Linear(clip.width, patches)

    def forward(self, tokens: Tensor, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Mean absolute error of pixels in [0, 1], and cross entropy of the place."""
        patches = F.unfold(pictures, self.patch, stride=self.patch).transpose(1, 2)
        error = (self.pixels(tokens[:, 1:]) - patches).abs().mean()
        places = self.place(tokens[:, 1:]).transpose(1, 2)
        truth = torch.arange(places.shape[1], device=tokens.device).expand(len(tokens), -1)
        return error, F.cross_entropy(places, truth)
