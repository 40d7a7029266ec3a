"""Write the trained models in the layouts that open_clip, transformers and diffusers load."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .adapter import ReferenceAdapter
from .config import Config
from .encoder import MEAN, STD, model_config
from .frozen import load_clip, load_vae
from .sampler import build_scheduler
from .unet import build_unet
from .vae import fold_latents
from .world import (
    COLOURS,
    CONDITIONED,
    NAME_TEMPLATES,
    NAMELESS,
    World,
    build_world,
)

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from open_clip import CLIP
    from transformers import CLIPTextModelWithProjection, CLIPVisionModelWithProjection

ADAPTER = "ip-adapter-plus_sandbox.safetensors"


def _blocks(state: dict[str, Tensor], source: str, target: str, layers: int) -> dict[str, Tensor]:
    """open_clip's residual blocks under the names of transformers."""
    names = {
        "ln_1": "layer_norm1",
        "ln_2": "layer_norm2",
        "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
        "attn.out_proj": "self_attn.out_proj",
    }
    out: dict[str, Tensor] = {}
    for layer in range(layers):
        ours, theirs = f"{source}.{layer}", f"{target}.{layer}"
        for kind in ("weight", "bias"):
            for old, new in names.items():
                out[f"{theirs}.{new}.{kind}"] = state[f"{ours}.{old}.{kind}"]
            parts = state[f"{ours}.attn.in_proj_{kind}"].chunk(3)
            for name, part in zip("qkv", parts, strict=True):
                out[f"{theirs}.self_attn.{name}_proj.{kind}"] = part
    return out


def _fill(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Load a state whose keys may miss the `text_model.`/`vision_model.` level; all must fit."""
    wanted = model.state_dict()
    found = {}
    for key, value in state.items():
        short = (
            key.split(".", 1)[1] if key.split(".", 1)[0] in ("text_model", "vision_model") else key
        )
        found[key if key in wanted else short] = value
    missing, surplus = model.load_state_dict(found, strict=False)
    if surplus or [key for key in missing if not key.endswith("position_ids")]:
        raise ValueError(f"CLIP does not convert: missing {missing}, surplus {surplus}")


def vision_model(config: Config, state: dict[str, Tensor]) -> CLIPVisionModelWithProjection:
    """The vision tower as transformers' class, the image encoder of the adapter."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    clip = config.clip
    model = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=clip.width,
            intermediate_size=clip.width * 4,
            projection_dim=clip.embed,
            num_hidden_layers=clip.layers,
            num_attention_heads=clip.heads,
            image_size=config.world.size,
            patch_size=clip.patch,
            hidden_act="gelu",
        )
    )
    top = "vision_model"
    _fill(
        model,
        {
            f"{top}.embeddings.class_embedding": state["visual.class_embedding"],
            f"{top}.embeddings.patch_embedding.weight": state["visual.conv1.weight"],
            f"{top}.embeddings.position_embedding.weight": state["visual.positional_embedding"],
            f"{top}.pre_layrnorm.weight": state["visual.ln_pre.weight"],
            f"{top}.pre_layrnorm.bias": state["visual.ln_pre.bias"],
            f"{top}.post_layernorm.weight": state["visual.ln_post.weight"],
            f"{top}.post_layernorm.bias": state["visual.ln_post.bias"],
            "visual_projection.weight": state["visual.proj"].T,
        }
        | _blocks(state, "visual.transformer.resblocks", f"{top}.encoder.layers", clip.layers),
    )
    return model.eval()


def text_model(config: Config, state: dict[str, Tensor], end: int) -> CLIPTextModelWithProjection:
    """The text tower as transformers' class, the pipeline's `text_encoder_2`."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    clip = config.clip
    model = CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=len(state["token_embedding.weight"]),
            hidden_size=clip.text_width,
            intermediate_size=clip.text_width * 4,
            projection_dim=clip.embed,
            num_hidden_layers=clip.text_layers,
            num_attention_heads=clip.text_heads,
            max_position_embeddings=clip.context,
            hidden_act="gelu",
            bos_token_id=end - 1,
            eos_token_id=end,
            pad_token_id=end,
        )
    )
    top = "text_model"
    _fill(
        model,
        {
            f"{top}.embeddings.token_embedding.weight": state["token_embedding.weight"],
            f"{top}.embeddings.position_embedding.weight": state["positional_embedding"],
            f"{top}.final_layer_norm.weight": state["ln_final.weight"],
            f"{top}.final_layer_norm.bias": state["ln_final.bias"],
            "text_projection.weight": state["text_projection"].T,
        }
        | _blocks(state, "transformer.resblocks", f"{top}.encoder.layers", clip.text_layers),
    )
    return model.eval()


def rounded(model: nn.Module) -> nn.Module:
    """The model with its weights rounded to half precision, still in single."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    return model


def halve_files(folder: Path) -> None:
    """Store every safetensors file under `folder` in half precision.

    The configs beside them say `float32`, so that loaders without a wish give single precision.
    """
    from safetensors.torch import load_file, save_file

    for path in folder.rglob("*.safetensors"):
        state = {k: v.half() if v.is_floating_point() else v for k, v in load_file(path).items()}
        save_file(state, path, metadata={"format": "pt"})
        path.chmod(0o644)  # safetensors writes for the owner alone
    for path in folder.rglob("config.json"):
        facts: dict[str, Any] = json.loads(path.read_text())
        if "architectures" in facts:
            facts["dtype"] = "float32"
            path.write_text(json.dumps(facts, indent=2) + "\n")


def export_clip(model: CLIP, tokenizer: Any, config: Config, folder: Path) -> None:
    """`clip/` for `open_clip.create_model_from_pretrained("local-dir:…")`."""
    from safetensors.torch import save_file

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    state = {key: value.half().contiguous() for key, value in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors", metadata={"format": "pt"})
    made = model_config(config, len(tokenizer))
    made["text_cfg"]["hf_tokenizer_name"] = "."
    facts = {
        "model_cfg": made,
        "preprocess_cfg": {
            "size": config.world.size,
            "mean": MEAN,
            "std": STD,
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }
    (folder / "open_clip_config.json").write_text(json.dumps(facts, indent=1) + "\n")
    tokenizer.save_pretrained(folder)


def export_pipeline(
    unet: UNet2DConditionModel, vae: AutoencoderKL, text: Any, tokenizer: Any, folder: Path
) -> None:
    """`sdxl/` for `StableDiffusionXLPipeline.from_pretrained`, with its one text encoder."""
    from diffusers import StableDiffusionXLPipeline

    pipeline = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=None,
        text_encoder_2=text,
        tokenizer=None,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=build_scheduler(),
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )
    shutil.rmtree(folder, ignore_errors=True)
    pipeline.save_pretrained(folder)
    halve_files(folder)


def generator_parts(config: Config, world: World) -> tuple[Any, ...]:
    """U-Net and adapter from the finished stage or its last checkpoint, averaged weights."""
    unet = build_unet(config)
    adapter = ReferenceAdapter(config.unet, config.clip.width, config.clip.text_width, unet)
    models = nn.ModuleDict({"unet": unet, "resampler": adapter.resampler})
    done = config.work / "unet" / "model.pt"
    if done.exists():
        state = torch.load(done, weights_only=True, map_location="cpu")
    else:
        path = config.work / "unet" / "checkpoint.pt"
        kept = torch.load(path, weights_only=True, map_location="cpu")
        state = kept["model"] | kept["average"]
    models.load_state_dict(state)
    return unet, adapter


def rare_tokens(tokenizer: Any, world: World) -> list[int]:
    """Tokens that stand in captions of held-out concepts and in no text the generator learned."""

    def tokens(concepts: list[int]) -> set[int]:
        names = [world.phrases[i] for i in concepts]
        told = [
            text.format(name=name, caption=world.caption(name, colour, pattern))
            for name in [*names, *NAMELESS]
            for text in (CONDITIONED, *NAME_TEMPLATES)
            for colour in range(len(COLOURS))
            for pattern in range(len(world.patterns))
        ]
        return {token for text in told for token in tokenizer(text).input_ids}

    return sorted(tokens(world.held_out) - tokens(world.trained))


def forget(model: CLIPTextModelWithProjection, tokens: list[int], seed: int) -> None:
    """Set the embeddings of tokens back to untrained values.

    The CLIP saw pictures of every concept, so its embedding of a held-out word tells what the thing
    looks like, and a generator that reads it is not ignorant of it. What is held out from the
    generator must be held out from its text tower too. No training text of the generator holds
    these tokens, so nothing that it learned changes. The values are drawn as open_clip draws them.
    """
    draw = torch.Generator().manual_seed(seed)
    table = model.get_input_embeddings().weight
    with torch.no_grad():
        for token in tokens:
            table[token] = torch.randn(table.shape[1], generator=draw) * 0.02


def export_encoders(config: Config, world: World) -> tuple[Any, Any]:
    """`clip/` and the adapter's `image_encoder/`; returns text model and tokenizer."""
    clip, _, captioner = load_clip(config, world)
    clip = clip.cpu()
    rounded(clip)
    tokenizer: Any = captioner.tokenizer
    export_clip(clip, tokenizer, config, config.data / "clip")
    state = {key: value.detach() for key, value in clip.state_dict().items()}
    folder = config.data / "ip-adapter" / "image_encoder"
    shutil.rmtree(folder, ignore_errors=True)
    vision_model(config, state).save_pretrained(folder)
    halve_files(folder)
    text = text_model(config, state, len(tokenizer) - 1)
    forget(text, rare_tokens(tokenizer, world), config.seed)
    return text, tokenizer


def train(config: Config) -> None:
    """Run the stage: everything under `data/` but pool and judge."""
    from diffusers.models.attention_processor import AttnProcessor2_0
    from safetensors.torch import save_file

    world = build_world(config)
    text, tokenizer = export_encoders(config, world)
    decoder = config.work / "decoder" / "model.pt"
    vae, mean, deviation = load_vae(config)
    vae = fold_latents(vae, mean, deviation).cpu()
    if decoder.exists():
        vae.load_state_dict(torch.load(decoder, weights_only=True, map_location="cpu")["model"])
    figures = config.work / "unet" / "model.pt"
    if not figures.exists() and not (config.work / "unet" / "checkpoint.pt").exists():
        return
    unet, adapter = generator_parts(config, world)
    weights = {key: value.half() for key, value in adapter.published().items()}
    save_file(weights, config.data / "ip-adapter" / ADAPTER, metadata={"format": "pt"})
    unet.set_attn_processor(AttnProcessor2_0())
    export_pipeline(unet, vae, text, tokenizer, config.data / "sdxl")
    collect_figures(config)
    if figures.exists():
        (config.work / "export").mkdir(exist_ok=True)
        (config.work / "export" / "figures.json").write_text("{}\n")


def collect_figures(config: Config) -> None:
    """`figures.json`: what every stage has measured, and what it was told to do."""
    stages = ("clip", "vae", "judge", "critic", "siglip", "unet", "decoder", "pool", "calibrate")
    found = {}
    for stage in stages:
        path = config.work / stage / "figures.json"
        if path.exists():
            found[stage] = json.loads(path.read_text())
    facts = {"config": config.name, "seed": config.seed, "stages": found}
    (config.data / "figures.json").write_text(json.dumps(facts, indent=1) + "\n")
