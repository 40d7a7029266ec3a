"""Train U-Net and IP-Adapter-plus together, from scratch, on training concepts only."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .adapter import ReferenceAdapter
from .bank import Bank, Painter, Samples
from .config import Config
from .frozen import TextStates, image_tokens, load_clip, load_vae, no_image_tokens
from .novel import invent
from .parallel import Team
from .render import random_pose, resize_like_pil
from .runtime import Average, Journal
from .sampler import build_scheduler, predict, sample, save_grid
from .world import CONDITIONED, World, build_world

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel

UNGUIDED = 0.10  # of samples: no text and no picture, for classifier-free guidance
BASE = (0.50, 0.80)  # of named samples: without reference, at the start and at the end
BANK = 3072  # samples held ready
GRID_MINUTES = 8.0


def build_unet(config: Config) -> UNet2DConditionModel:
    """An untrained U-Net with SDXL's conditioning; attention where `depth` is not 0."""
    from diffusers import UNet2DConditionModel

    unet, clip = config.unet, config.clip
    down = tuple("CrossAttnDownBlock2D" if d else "DownBlock2D" for d in unet.depth)
    up = tuple("CrossAttnUpBlock2D" if d else "UpBlock2D" for d in reversed(unet.depth))
    factor = 2 ** (len(config.vae.channels) - 1)
    return UNet2DConditionModel(
        sample_size=config.world.size // factor,
        in_channels=config.vae.latent,
        out_channels=config.vae.latent,
        block_out_channels=tuple(unet.channels),
        layers_per_block=unet.layers,
        down_block_types=down,
        up_block_types=up,
        mid_block_type="UNetMidBlock2DCrossAttn",
        attention_head_dim=tuple(unet.heads),  # diffusers' name for the number of heads
        transformer_layers_per_block=tuple(max(1, d) for d in unet.depth),
        cross_attention_dim=clip.text_width,
        norm_num_groups=16,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=16,
        projection_class_embeddings_input_dim=clip.embed + 6 * 16,
    )


def fit_text_scale(unet: UNet2DConditionModel, texts: TextStates) -> None:
    """Scale fresh key and value weights to the text states' deviation, whatever CLIP made it."""
    count = len(texts.known)
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            if name.endswith(("attn2.to_k.weight", "attn2.to_v.weight")):
                parameter.div_(texts.states[:count].std())


class Trainer:
    """Model, optimiser and conditions of one run."""

    def __init__(self, config: Config, world: World) -> None:
        self.config, self.world = config, world
        clip, probe, captioner = load_clip(config, world)
        vae, mean, deviation = load_vae(config)
        self.clip = clip
        self.texts = TextStates(clip, captioner, config.clip.context, config.device)
        self.painter = Painter(config, world, vae, clip, self.texts, mean, deviation)
        self.no_image = no_image_tokens(clip, config.world.size, config.device)
        self.no_text = int(self.texts.rows([""])[0])
        self.unet = build_unet(config).to(config.device)
        self.adapter = ReferenceAdapter(
            config.unet, config.clip.width, config.clip.text_width, self.unet
        ).to(config.device)
        self.texts.rows([world.caption(phrase, 0, 0) for phrase in world.phrases])
        fit_text_scale(self.unet, self.texts)
        if config.device == "cpu":
            self.adapter.start_aligned(self.painter.draw(256).tokens, probe.place)
        self.models = torch.nn.ModuleDict({"unet": self.unet, "resampler": self.adapter.resampler})
        decay: list[torch.nn.Parameter] = []
        plain: list[torch.nn.Parameter] = []
        for parameter in self.models.parameters():
            (decay if parameter.ndim > 1 else plain).append(parameter)
        self.optimiser = torch.optim.AdamW(
            [{"params": decay, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}],
            lr=config.unet.lr,
            betas=(0.9, 0.99),
            fused=True,
        )
        self.average = Average(self.models, 0.9985)
        self.alphas = build_scheduler().alphas_cumprod.to(config.device)

    def conditions(self, batch: Samples, progress: float) -> tuple[Tensor, Tensor, Tensor]:
        """Caption rows (B,), image states (B, 1 + patches, width) and adapter scales (B,)."""
        count, device = len(batch.plain), self.config.device
        draw = torch.rand(4, count, device=device)
        share = BASE[0] + (BASE[1] - BASE[0]) * progress
        base = batch.basis & (draw[0] < share)
        rows = torch.where(~base & (draw[1] < 0.5), batch.conditioned, batch.plain)
        scale = (~base).float()
        empty = draw[2] < UNGUIDED
        rows = torch.where(empty, torch.full_like(rows, self.no_text), rows)
        images = torch.where(empty[:, None, None], self.no_image, batch.tokens)
        # Half of the empty samples serve the base model's guidance, half the adapter's.
        scale = torch.where(empty, (draw[3] < 0.5).float(), scale)
        return rows, images, scale

    def loss(self, batch: Samples, progress: float) -> Tensor:
        """Squared error of the velocity, time steps leaning to the noisy end."""
        rows, images, scale = self.conditions(batch, progress)
        count, device = len(rows), self.config.device
        times = (1 - torch.rand(count, device=device) ** 1.4) * 1000
        times = times.long().clamp(0, 999)
        alpha = self.alphas[times].view(-1, 1, 1, 1)
        noise = torch.randn_like(batch.latents)
        noisy = alpha.sqrt() * batch.latents + (1 - alpha).sqrt() * noise
        velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * batch.latents
        text = (self.texts.states[rows], self.texts.pooled[rows])
        made = predict(self.unet, self.adapter, noisy, times, text, images, scale)
        return (made - velocity).square().mean(dim=(1, 2, 3))

    def parts(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {
            "model": self.models.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.values,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """The opposite of `parts`."""
        device = self.config.device
        self.models.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        kept: dict[str, Tensor] = state["average"]
        self.average.values = {k: v.to(device) for k, v in kept.items()}

    @torch.no_grad()
    def grid(self, path: Path, count: int = 12) -> None:
        """Reference, decoded target, copy and base, for novel appearances and training concepts."""
        current = {k: v.clone() for k, v in self.models.named_parameters()}
        self.average.copy_to(self.models)
        config, painter, world = self.config, self.painter, self.world
        state = torch.random.get_rng_state()
        torch.manual_seed(4)
        half = count // 2
        concepts = painter.trained[
            torch.randint(len(painter.trained), (half,), device=config.device)
        ]
        fresh = invent(world.sprites, painter.allowed, half)
        sprites = torch.cat([fresh, world.sprites[concepts]])
        colour, pattern = painter.backgrounds(count)
        pose = random_pose(config.world, count, config.device)
        reference = painter.pictures(sprites, pose, *painter.backgrounds(count))
        wanted = painter.pictures(sprites, pose, colour, pattern)
        names = ["something"] * half + [world.phrases[i] for i in concepts.tolist()]
        captions = [
            world.caption(n, c, p)
            for n, c, p in zip(names, colour.tolist(), pattern.tolist(), strict=True)
        ]
        told = [CONDITIONED.format(name=n, caption=c) for n, c in zip(names, captions, strict=True)]
        image = image_tokens(self.clip, resize_like_pil(reference, config.world.size))
        none = self.texts.rows([""])
        no_text = (self.texts.states[none], self.texts.pooled[none])
        made = []
        for words, scale in ((told, 1.0), (captions, 0.0)):
            rows = self.texts.rows(words)
            text = (self.texts.states[rows], self.texts.pooled[rows])
            latents = sample(
                self.unet, self.adapter, text, no_text, image, self.no_image, scale, guidance=2.5
            )
            made.append(painter.decode(latents))
        small = resize_like_pil(wanted, config.world.size)
        best = painter.decode(painter.encode(small))
        blocks = [reference, best, *made]
        left = [block[:half] for block in blocks]
        right = [block[half:] for block in blocks]
        save_grid([*left, *right], path, zoom=2)
        torch.random.set_rng_state(state)
        self.models.load_state_dict(current, strict=False)


def train(config: Config) -> None:
    """Run or resume the stage; leaves `model.pt` (averaged weights) and figures."""
    journal = Journal(config.work / "unet", config.unet.minutes)
    team = Team(config.unet.processes, journal.folder)
    torch.set_num_threads(max(1, config.unet.threads // team.count))
    # The same first weights in every process, other samples.
    torch.manual_seed(config.seed + 3)
    world = build_world(config)
    world.sprites.data = world.sprites.to(config.device)
    trainer = Trainer(config, world)
    state = journal.resume()
    if state:
        trainer.restore(state)
    torch.manual_seed(config.seed + 3 + 1000 * team.rank + journal.step)
    trainer.painter.random.seed(config.seed + 1000 * team.rank + journal.step)
    bank = Bank(trainer.painter, BANK // team.count)
    batch, last_grid = config.unet.batch // team.count, journal.seconds
    parameters = list(trainer.models.parameters())
    team.begin(parameters)
    smooth: dict[str, float] = {}
    print("parameters", sum(p.numel() for p in parameters), flush=True)
    progress = journal.progress
    while progress < 1:
        warm = min(1.0, (journal.step + 1) / 200)
        fall = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress))
        for group in trainer.optimiser.param_groups:
            group["lr"] = config.unet.lr * warm * fall
        bank.renew(batch // 3)
        samples = bank.pick(batch)
        losses = trainer.loss(samples, progress)
        trainer.optimiser.zero_grad(set_to_none=True)
        losses.mean().backward()
        progress = team.agree(parameters, journal.progress)
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        trainer.optimiser.step()
        journal.step += 1
        journal.samples += batch * team.count
        trainer.average.update(trainer.models, journal.step)
        if not team.leads:
            continue
        novel = losses[~samples.basis].mean().item()
        named = losses[samples.basis].mean().item()
        for key, value in (("novel", novel), ("named", named), ("norm", float(norm))):
            if value == value:  # a small batch may hold no sample of a kind
                smooth[key] = 0.97 * smooth.get(key, value) + 0.03 * value
        journal.log(**smooth)
        if journal.due(3):
            journal.save(trainer.parts())
        if journal.seconds - last_grid > GRID_MINUTES * 60:
            last_grid = journal.seconds
            trainer.grid(journal.folder / f"grid-{round(last_grid / 60):03d}.png")
    if not team.leads:
        return
    journal.save(trainer.parts())
    trainer.average.copy_to(trainer.models)
    trainer.grid(journal.folder / "grid-last.png")
    torch.save(trainer.models.state_dict(), journal.folder / "model.pt")
    journal.finish(parameters=sum(p.numel() for p in parameters))
