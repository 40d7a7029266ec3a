"""The generator "sdxl": Stable Diffusion XL, with references through an IP-Adapter."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagerag.roles import Generator
from imagerag.values import Ability, Capability, Guidance
from imagerag_sdxl.provenance import provenance
from imagerag_sdxl.published import MODELS
from imagerag_sdxl.request import Request, batches, check_request
from imagerag_sdxl.scales import set_scale

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    from imagerag_sdxl.config import SDXLConfig
    from imagerag_sdxl.embeddings import ReferenceEmbeddings


@dataclass
class _Loaded:
    """The pipeline, and what it needs to be left in order after an interruption."""

    pipe: Any
    references: ReferenceEmbeddings | None
    vae_dtype: torch.dtype
    own_size: tuple[int, int]


class SDXLGenerator(Generator):
    """Paints with `StableDiffusionXLPipeline`; one pipeline serves drafts and results.

    With an adapter loaded, a picture without references is painted at scale 0, where the adapter's
    branch is skipped: it equals the base model's picture bit for bit.

    A picture depends on its own guidance and on `batch_size`, on nothing else. Matrix products of
    another batch size differ in their last bits (up to one step of 255 in a finished picture), so
    every call of the pipeline has exactly `batch_size` pictures: what is lacking is filled up with
    copies, which are thrown away.
    """

    config: SDXLConfig

    def __init__(self, config: SDXLConfig, context: Any) -> None:
        super().__init__(config, context)
        self._loaded: _Loaded | None = None
        self._lock = threading.Lock()

    def capability(self) -> Capability:
        """Return what the configuration makes possible; nothing is loaded."""
        config = self.config
        known = MODELS.get(config.model)
        abilities: set[Ability] = {"text"}
        if config.takes_references:
            abilities |= {"image-prompt", "mask"}
        most = config.max_references if config.takes_references else 0
        sizes = known.sizes if known else ()
        return Capability(
            abilities=frozenset(abilities),
            max_references=most,
            recommended_references=min(2, most),
            sizes=(config.size,) if config.size else sizes,
            steps=config.steps,
            licence=config.licence or (known.licence if known else None),
            commercial=(
                config.commercial
                if config.commercial is not None
                else (known.commercial if known and not config.licence else None)
            ),
            memory_gb=config.memory_gb,
        )

    def generate(self, guidances: Sequence[Guidance]) -> list[Image]:
        """Return one picture per guidance, in order.

        `Guidance.options` may hold "scale" (see `scales.py`) and "masks" (see `masks.py`).
        Progress is reported as "generate" after each denoising step, counted over all batches; an
        exception raised there, or Ctrl-C, ends the call between two steps and leaves the generator
        usable.

        Raises:
            CapabilityError: A guidance asks for more than `capability()` says.
            ConfigError: A device, dtype or scheduler option is wrong.
            WeightsError: The model or the adapter cannot be loaded.
        """
        capability = self.capability()
        requests = [check_request(guidance, self.config, capability) for guidance in guidances]
        if not requests:
            return []
        with self._lock:
            loaded = self._load()
            work = list(batches(requests, self.config.batch_size))
            pictures: dict[int, Image] = {}
            for number, indexes in enumerate(work):
                painted = self._paint(
                    loaded,
                    [requests[index] for index in indexes],
                    self._progress(loaded.pipe, number, len(work)),
                )
                pictures.update(zip(indexes, painted, strict=True))
        return [self._shown(pictures[index]) for index in range(len(requests))]

    def close(self) -> None:
        """Free the weights; a later call would load them again."""
        with self._lock:
            if self._loaded is None:
                return
            self._loaded = None
            gc.collect()
            import torch

            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def versions(self) -> Mapping[str, str]:
        """Return model, adapter, their revisions or digests, scheduler and libraries."""
        return provenance(self.config)

    def _load(self) -> _Loaded:
        if self._loaded is None:
            from imagerag_sdxl.embeddings import ReferenceEmbeddings
            from imagerag_sdxl.pipeline import load_pipeline

            pipe, adapter = load_pipeline(self.config)
            side = pipe.default_sample_size * pipe.vae_scale_factor
            self._loaded = _Loaded(
                pipe=pipe,
                references=None if adapter is None else ReferenceEmbeddings(pipe, adapter),
                vae_dtype=pipe.vae.dtype,
                own_size=(side, side),
            )
        return self._loaded

    def _paint(
        self, loaded: _Loaded, requests: Sequence[Request], after_step: Callable[..., Any]
    ) -> list[Image]:
        """Paint one batch, filled up to the configured size; return the pictures asked for."""
        from imagerag_torch import generator

        config, first = self.config, requests[0]
        rows = [*requests, *[requests[-1]] * (config.batch_size - len(requests))]
        width, height = first.size or loaded.own_size
        try:
            # Inside: preparing references moves weights too, where they are offloaded.
            arguments = self._references(loaded, rows, width, height)
            output = loaded.pipe(
                prompt=[row.prompt for row in rows],
                negative_prompt=(
                    None if first.negative is None else [row.negative for row in rows]
                ),
                generator=[generator(row.seed) for row in rows],
                width=width,
                height=height,
                num_inference_steps=config.steps,
                guidance_scale=config.guidance_scale,
                guidance_rescale=config.guidance_rescale,
                callback_on_step_end=after_step,
                callback_on_step_end_tensor_inputs=[],
                **arguments,
            )
        except BaseException:
            # The pipeline ends a call by these two itself, but not one that was broken off.
            if loaded.pipe.vae.dtype != loaded.vae_dtype:
                loaded.pipe.vae.to(dtype=loaded.vae_dtype)
            loaded.pipe.maybe_free_model_hooks()
            raise
        return list(output.images[: len(requests)])

    def _references(
        self, loaded: _Loaded, rows: Sequence[Request], width: int, height: int
    ) -> dict[str, Any]:
        """Set the scale, and return the pipeline's arguments for references and masks."""
        import torch

        if loaded.references is None:
            return {}
        set_scale(loaded.pipe, rows[0].scale)
        embeds = loaded.references.batch([row.images for row in rows])
        if rows[0].masks is None:
            return {"ip_adapter_image_embeds": [embeds]}
        from imagerag_sdxl.masks import mask_tensor

        masks = torch.cat([mask_tensor(row.masks or (), width, height) for row in rows])
        guided = (
            self.config.guidance_scale > 1 and loaded.pipe.unet.config.time_cond_proj_dim is None
        )
        return {
            "ip_adapter_image_embeds": [embeds],
            "cross_attention_kwargs": {
                "ip_adapter_masks": [torch.cat([masks, masks]) if guided else masks]
            },
        }

    def _progress(self, pipe: Any, batch: int, total: int) -> Callable[..., dict[str, Any]]:
        def after_step(_: Any, step: int, timestep: Any, tensors: Any) -> dict[str, Any]:
            # Some schedulers take more model calls than steps; the pipeline knows.
            steps = pipe.num_timesteps
            self.context.progress("generate", batch * steps + step + 1, total * steps)
            return {}

        return after_step

    def _shown(self, picture: Image) -> Image:
        from PIL.Image import Resampling

        if self.config.output_size is None or picture.size == self.config.output_size:
            return picture
        how = {"lanczos": Resampling.LANCZOS, "nearest": Resampling.NEAREST}
        return picture.resize(self.config.output_size, how[self.config.output_resampling])
