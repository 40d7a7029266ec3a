"""IP-Adapter-plus: resampler and extra keys and values, saved in the published layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import UnetConfig

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel
    from diffusers.models.attention_processor import Attention


class SharedContext:
    """What the processors of one forward pass read: image tokens and the scale of each sample."""

    tokens: Tensor  # (B, queries, cross attention width)
    scale: Tensor  # (B, 1, 1): 0 is the base model, 1 the adapter at full strength


class ReferenceProcessor(nn.Module):
    """Cross-attention to text plus scaled cross-attention to image tokens.

    The sum that diffusers' `IPAdapterAttnProcessor2_0` computes, with one scale per sample, so that
    one batch holds samples with and without a reference.
    """

    def __init__(self, hidden: int, cross: int, context: SharedContext) -> None:
        super().__init__()
        self.to_k_ip = nn.Linear(cross, hidden, bias=False)
        self.to_v_ip = nn.Linear(cross, hidden, bias=False)
        self.context = context

    def forward(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Attend from (B, N, C) to the text (B, L, cross) and the shared image tokens."""

        def split(x: Tensor) -> Tensor:
            return x.unflatten(-1, (attn.heads, -1)).transpose(1, 2)

        query = split(attn.to_q(hidden_states))
        key, value = attn.to_k(encoder_hidden_states), attn.to_v(encoder_hidden_states)
        text = F.scaled_dot_product_attention(query, split(key), split(value))
        tokens = self.context.tokens
        key, value = self.to_k_ip(tokens), self.to_v_ip(tokens)
        image = F.scaled_dot_product_attention(query, split(key), split(value))
        total = text.transpose(1, 2).flatten(2) + self.context.scale * image.transpose(
            1, 2
        ).flatten(2)
        return attn.to_out[1](attn.to_out[0](total))


def place_code(side: int, width: int) -> Tensor:
    """A smooth code of each cell of a side × side grid: (side², width), near unit variance.

    Neighbours are alike, so that attention by place can be found by gradient; no two are equal.
    """
    axis = torch.arange(side, dtype=torch.float32)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    spots = torch.stack([y.flatten(), x.flatten()], dim=1)
    near = torch.exp(-torch.cdist(spots, spots).square() / (2 * 1.2**2))
    near = near - near.mean(dim=0, keepdim=True)
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(2, len(spots), width, generator=generator)
    smooth = near @ basis[0]
    return (smooth / smooth.std() + basis[1]) / 2**0.5


class ReferenceAdapter(nn.Module):
    """The resampler and the processors of every cross-attention of a U-Net."""

    def __init__(
        self, config: UnetConfig, embed: int, cross: int, unet: UNet2DConditionModel
    ) -> None:
        from diffusers.models.embeddings import IPAdapterPlusImageProjection

        super().__init__()
        self.resampler = IPAdapterPlusImageProjection(
            embed_dims=embed,
            output_dims=cross,
            hidden_dims=config.resampler_dim,
            depth=1,
            dim_head=64,
            heads=config.resampler_heads,
            num_queries=config.queries,
        )
        self.context = SharedContext()
        processors = dict(unet.attn_processors)
        self.names = list(processors)
        made = nn.ModuleDict()
        for name in self.names:
            if name.endswith("attn2.processor"):
                attention = unet.get_submodule(name.removesuffix(".processor"))
                processor = ReferenceProcessor(attention.to_q.out_features, cross, self.context)
                processors[name] = processor
                made[name.replace(".", "/")] = processor
        self.processors = made
        unet.set_attn_processor(processors)

    def start_aligned(self, tokens: Tensor, place: nn.Linear) -> None:
        """Begin with query i reading patch i.

        `tokens` (B, 1 + patches, embed) are samples of what it will read and `place` the linear
        read-out of a patch's place that CLIP was trained with. Keys of every head become that
        read-out, queries its answer for cell i; values stay as they are drawn.
        """
        resampler = self.resampler
        block = resampler.layers[0]
        count, width = resampler.latents.shape[1:]
        side = round(count**0.5)
        with torch.no_grad():
            resampler.latents.copy_(place_code(side, width)[None] * 0.5)
            if side * side != tokens.shape[1] - 1:
                return
            inner = F.layer_norm(resampler.proj_in(tokens), (width,))
            latents = F.layer_norm(resampler.latents[0], (width,))
            # The block also shows the queries to themselves: their keys are to match nothing.
            read = torch.cat([inner.flatten(0, 1), latents.repeat(len(inner), 1)])
            target = F.one_hot(torch.arange(count), count).float() - 1 / count
            goal = torch.cat([torch.zeros(1, count), target]).repeat(len(inner), 1)
            goal = torch.cat([goal, torch.zeros(len(inner) * count, count)])
            gram = read.T @ read / len(read) + 1e-3 * torch.eye(width)
            keys = torch.linalg.solve(gram, read.T @ goal / len(read)).T  # (count, width)
            queries = torch.linalg.lstsq(latents, torch.eye(count)).solution.T
            code = (
                torch.linalg.qr(torch.randn(count, 64))[0] if count > 64 else torch.eye(count, 64)
            )
            strength = 12.0  # of the match, before the softmax: sharp, not frozen
            for head in range(block.attn.heads):
                rows = slice(head * 64, head * 64 + 64)
                block.attn.to_k.weight[rows] = code.T @ keys * strength
                block.attn.to_q.weight[rows] = code.T @ queries * 12.0

    def tokens(self, states: Tensor) -> Tensor:
        """Image tokens (B, queries, cross) from an encoder's penultimate states."""
        return self.resampler(states)

    def published(self) -> dict[str, Tensor]:
        """All weights under the keys of the published IP-Adapter-plus files."""
        out: dict[str, Tensor] = {}
        for key, value in self.resampler.state_dict().items():
            if not key.startswith("layers."):
                out[f"image_proj.{key}"] = value
                continue
            _, index, rest = key.split(".", 2)
            front = f"image_proj.layers.{index}"
            if rest == "attn.to_k.weight":
                pair = [value, self.resampler.state_dict()[key.replace("to_k", "to_v")]]
                out[f"{front}.0.to_kv.weight"] = torch.cat(pair)
            elif rest != "attn.to_v.weight":
                out[f"{front}.{_PUBLISHED[rest.rsplit('.', 1)[0]]}.{rest.rsplit('.', 1)[1]}"] = (
                    value
                )
        for position, name in enumerate(self.names):
            key = name.replace(".", "/")
            if key in self.processors:
                processor = self.processors[key]
                out[f"ip_adapter.{position}.to_k_ip.weight"] = processor.to_k_ip.weight
                out[f"ip_adapter.{position}.to_v_ip.weight"] = processor.to_v_ip.weight
        # diffusers reads exactly four layers: the rest are empty, and pass their input on.
        first = [key for key in out if key.startswith("image_proj.layers.0.")]
        for index in range(len(self.resampler.layers), 4):
            for key in first:
                out[key.replace(".0.", f".{index}.", 1)] = torch.zeros_like(out[key])
        return {key: value.detach().contiguous() for key, value in out.items()}


_PUBLISHED = {
    "ln0": "0.norm1",
    "ln1": "0.norm2",
    "attn.to_q": "0.to_q",
    "attn.to_out.0": "0.to_out",
    "ff.0": "1.0",
    "ff.1.net.0.proj": "1.1",
    "ff.1.net.2": "1.3",
}
