"""The pipeline: a U-Net that attends to a set of CLIP embeddings, sampled step by step.

diffusers has no such pipeline. This one is made of its model classes alone, so that everything
around a pipeline (loading, offloading, saving) is diffusers' own. The module imports diffusers, so
it is itself imported only when weights are loaded.
"""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.image_processor import VaeImageProcessor
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from diffusers.utils.torch_utils import randn_tensor

from imagerag_rdm.embeddings import Embeddings


class RDMPipeline(DiffusionPipeline):  # type: ignore[misc]
    """Paints from a prompt and up to 20 neighbours.

    Named as in the published index. The U-Net attends to one vector for the prompt and one for
    each neighbour, without positions: their order does not matter. The unconditional half of
    classifier-free guidance attends to zeros.
    """

    model_cpu_offload_seq = "unet->vae"
    # Its towers are called one by one, which hooks on the whole model would not see.
    _exclude_from_cpu_offload = ("clip",)

    def __init__(
        self, vae: Any, clip: Any, tokenizer: Any, unet: Any, scheduler: Any, feature_extractor: Any
    ) -> None:
        super().__init__()
        self.register_modules(
            vae=vae,
            clip=clip,
            tokenizer=tokenizer,
            unet=unet,
            scheduler=scheduler,
            feature_extractor=feature_extractor,
        )
        self.vae_scale_factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self.image_processor = VaeImageProcessor(vae_scale_factor=self.vae_scale_factor)
        self.embeddings = Embeddings(self)

    @torch.no_grad()
    def __call__(
        self,
        prompt: Sequence[str],
        images: Sequence[Sequence[Any]],
        generator: Sequence[torch.Generator],
        *,
        num_inference_steps: int,
        guidance_scale: float,
        eta: float,
        query: bool,
        normalise: bool,
        latent_scale: float,
        width: int | None = None,
        height: int | None = None,
    ) -> ImagePipelineOutput:
        """Paint one batch.

        Args:
            prompt: One for each picture.
            images: The neighbours of each, equally many.
            generator: One for each, on the CPU.
            num_inference_steps: Denoising steps.
            guidance_scale: Weight of the condition; up to 1 the unconditional half is left out.
            eta: Noise added by each step, for schedulers that know it.
            query: Whether the prompt's vector stands before those of its neighbours.
            normalise: Whether vectors get the length 1.
            latent_scale: What latents were multiplied by in training.
            width: In pixels, with `height`; the model's own where None.
            height: In pixels.
        """
        context = self.embeddings.context(prompt, images, query=query, normalise=normalise)
        guided = guidance_scale > 1
        if guided:
            context = torch.cat([torch.zeros_like(context), context])
        context = context.to(self._execution_device, self.unet.dtype)
        latents = self._noise(len(prompt), width, height, list(generator))
        self.scheduler.set_timesteps(num_inference_steps, device=self._execution_device)
        latents = latents * self.scheduler.init_noise_sigma
        more = self._step_arguments(list(generator), eta)
        for timestep in self.scheduler.timesteps:
            given = torch.cat([latents, latents]) if guided else latents
            given = self.scheduler.scale_model_input(given, timestep)
            noise = self.unet(given, timestep, encoder_hidden_states=context).sample
            if guided:
                without, within = noise.chunk(2)
                noise = without + guidance_scale * (within - without)
            latents = self.scheduler.step(noise, timestep, latents, **more).prev_sample
        painted = self.vae.decode(latents / latent_scale).sample
        pictures = self.image_processor.postprocess(painted, output_type="pil")
        self.maybe_free_model_hooks()
        return ImagePipelineOutput(images=pictures)

    def _noise(
        self, count: int, width: int | None, height: int | None, generator: list[torch.Generator]
    ) -> torch.Tensor:
        own = self.unet.config.sample_size
        rows = own if height is None else height // self.vae_scale_factor
        columns = own if width is None else width // self.vae_scale_factor
        drawn: torch.Tensor = randn_tensor(
            (count, self.unet.config.in_channels, rows, columns),
            generator=generator,
            device=self._execution_device,
            dtype=self.unet.dtype,
        )
        return drawn

    def _step_arguments(self, generator: list[torch.Generator], eta: float) -> dict[str, Any]:
        """Return what the scheduler's step takes of these; not every class knows both."""
        known = inspect.signature(self.scheduler.step).parameters
        offered = {"generator": generator, "eta": eta}
        return {name: value for name, value in offered.items() if name in known}
