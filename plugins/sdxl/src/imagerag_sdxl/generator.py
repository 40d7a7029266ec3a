"""The generator "sdxl": Stable Diffusion XL, with references through an IP-Adapter."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from imagerag.values import Ability, Capability, Facts, Guidance
from imagerag_diffusers import PipelineGenerator, Request
from imagerag_diffusers.cuts import note_cuts
from imagerag_diffusers.painting import Loaded
from imagerag_sdxl import adapter_file, weighing
from imagerag_sdxl.files import Places, adapter_provenance, find_adapter
from imagerag_sdxl.published import CATALOGUE, joint_licence
from imagerag_sdxl.scales import set_scale

if TYPE_CHECKING:
    import torch

    from imagerag_diffusers.layout import Layout
    from imagerag_sdxl.config import SDXLConfig
    from imagerag_sdxl.embeddings import ReferenceEmbeddings


@dataclass(frozen=True)
class LoadedSDXL(Loaded):
    """The pipeline, and what the adapter's encoder made of references; None without an adapter."""

    references: ReferenceEmbeddings | None = None


class SDXLGenerator(PipelineGenerator):
    """Paints with `StableDiffusionXLPipeline`; one pipeline serves drafts and results.

    With an adapter loaded, a picture without references is painted at scale 0, where the adapter's
    branch is skipped: it equals the base model's picture bit for bit.

    `Guidance.options` may hold "scale" (see `scales.py`) and "masks" (see `masks.py`).
    """

    config: SDXLConfig

    name = "sdxl"
    distribution = "imagerag-sdxl"
    # A text-to-image model may have been saved by one of the other two.
    pipelines = (
        "StableDiffusionXLPipeline",
        "StableDiffusionXLImg2ImgPipeline",
        "StableDiffusionXLInpaintPipeline",
    )
    catalogue = CATALOGUE
    options = weighing.OPTIONS
    brings = ("image_encoder", "feature_extractor")
    proven = (
        "The sandbox's trained models on a CPU, and tiny random ones of the class with plain and "
        "plus adapters: each reference, scales, masks, seeds, batches, cancellation; the published "
        "weights were not run."
    )

    def __init__(self, config: Any, context: Any) -> None:
        super().__init__(config, context)
        self._places: Places | None = None
        self._adapter: adapter_file.Adapter | None = None

    def capability(self) -> Capability:
        """Return what the configuration makes possible; nothing is loaded."""
        have = super().capability()
        if not self.config.takes_references:
            return have
        more: frozenset[Ability] = frozenset({"image-prompt", "mask"})
        most, licence, commercial = self.config.max_references, have.licence, have.commercial
        if not self.config.licence:  # what a user says is said of both
            licence, commercial = joint_licence(licence, commercial, self.config.adapter)
        return replace(
            have,
            licence=licence,
            commercial=have.commercial if self.config.commercial is not None else commercial,
            abilities=have.abilities | more,
            max_references=most,
            recommended_references=min(2, most),
        )

    def check(self, guidance: Guidance, capability: Capability) -> Request:
        """Return the request for one guidance, with its scale and its masks.

        Raises:
            CapabilityError: It asks for more than the generator can do.
        """
        weighing.check_count(guidance, self.config, capability)
        return weighing.weighed(super().check(guidance, capability), guidance, self.config)

    def company(self, request: Request) -> Hashable:
        """Return what pictures of one call must have in common: the scale is one for all."""
        return weighing.company(request)

    def pipeline_class(self, name: str) -> type:
        """Return the pipeline in which each picture of a batch has its own references."""
        from imagerag_sdxl.batched_pipeline import BatchedReferencesPipeline

        return BatchedReferencesPipeline

    def examine(self, layout: Layout) -> None:
        """Find the adapter, and check by shapes alone that it fits its encoder and the U-Net.

        Raises:
            ConfigError: A hub adapter has no pinned revision.
            WeightsError: It is missing, unsafe, broken, or does not fit.
            CredentialsError: The hub wants a token.
        """
        self._places = self._adapter = None
        if self.config.takes_references:
            self._places = find_adapter(self.config)
            self._adapter = adapter_file.read_adapter(self._places.adapter)
            adapter_file.check_encoder(self._adapter, self._places.encoder)
            adapter_file.check_unet_config(self._adapter, self.config.model, layout.folder)

    def components(self, dtype: torch.dtype) -> dict[str, Any]:
        """Return the adapter's image encoder, and arguments of the pipeline."""
        from imagerag_sdxl.pipeline import image_encoder

        encoder = image_encoder(self.config, self._places, dtype) if self._places else {}
        # A watermark is drawn only where another library happens to be installed: the same
        # guidance would give different pictures on two machines.
        return {"add_watermarker": False, **encoder}

    def prepare(self, pipe: Any) -> None:
        """Attach the adapter, and slice attention where that is asked for."""
        from imagerag_sdxl.pipeline import attach, slice_self_attention

        if self._adapter is not None:
            attach(self.config, self._adapter, pipe)
        if self.config.attention_slicing:
            slice_self_attention(pipe.unet)

    def arguments(self, pipe: Any, rows: Sequence[Request]) -> dict[str, Any]:
        """Return the pipeline's own arguments: guidance, references, masks."""
        config, negative = self.config, rows[0].negative
        reader = pipe.tokenizer_2 or pipe.tokenizer
        note_cuts(
            self.context,
            (row.prompt for row in rows),
            reader.model_max_length,
            lambda prompt: len(reader(prompt, verbose=False).input_ids),
            "CLIP reads",
        )
        return {
            "negative_prompt": None if negative is None else [row.negative for row in rows],
            "guidance_scale": config.guidance_scale,
            "guidance_rescale": config.guidance_rescale,
            **self._references(pipe, rows),
        }

    def versions(self) -> Mapping[str, str]:
        """Return what the base does, and the adapter with its revision or digest."""
        adapter = adapter_provenance(self.config) if self.config.takes_references else {}
        return {**super().versions(), **adapter}

    def facts(self) -> Facts:
        """Return what the configuration means, the adapter included; nothing is loaded."""
        facts = super().facts()
        if not self.config.takes_references:
            return facts
        adapter = adapter_provenance(self.config)
        named = f"{adapter['adapter']} ({adapter['adapter_revision']})"
        return replace(facts, model=f"{facts.model} with {named}")

    def _load(self) -> LoadedSDXL:
        if not isinstance(self._loaded, LoadedSDXL):
            from imagerag_sdxl.embeddings import ReferenceEmbeddings

            base, adapter = super()._load(), self._adapter
            known = None if adapter is None else ReferenceEmbeddings(base.pipe, adapter)
            self._loaded = LoadedSDXL(base.pipe, base.vae_dtype, known)
        return self._loaded

    def _references(self, pipe: Any, rows: Sequence[Request]) -> dict[str, Any]:
        """Set the scale, and return the pipeline's arguments for references and masks."""
        import torch

        known = self._load().references
        if known is None:
            return {}
        first = rows[0]
        set_scale(pipe, first.options["scale"])
        embeds = known.batch([row.images for row in rows])
        if first.options["masks"] is None:
            return {"ip_adapter_image_embeds": [embeds]}
        from imagerag_sdxl.masks import mask_tensor

        own = pipe.default_sample_size * pipe.vae_scale_factor
        width, height = first.size or (own, own)
        masks = torch.cat([mask_tensor(row.options["masks"], width, height) for row in rows])
        guided = self.config.guidance_scale > 1 and pipe.unet.config.time_cond_proj_dim is None
        return {
            "ip_adapter_image_embeds": [embeds],
            "cross_attention_kwargs": {
                "ip_adapter_masks": [torch.cat([masks, masks]) if guided else masks]
            },
        }
