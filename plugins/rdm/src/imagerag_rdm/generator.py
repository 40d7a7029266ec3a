"""The generator "rdm": a diffusion model conditioned on CLIP embeddings of its neighbours."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from imagerag.errors import CapabilityError, WeightsError
from imagerag.values import Capability, Facts, Guidance
from imagerag_diffusers import PipelineGenerator, Request
from imagerag_rdm.config import QueryUse
from imagerag_rdm.published import CATALOGUE, PICKLED

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag_rdm.config import RDMConfig


class RDMGenerator(PipelineGenerator):
    """Paints from a prompt and up to `k` neighbours, as Blattmann et al. do (arXiv 2204.11824).

    Neighbours are embedded by the model's own CLIP, and the U-Net attends to their embeddings
    beside or instead of the prompt's. They are a set: their order does not matter.
    """

    config: RDMConfig

    name = "rdm"
    distribution = "imagerag-rdm"
    pipelines = ("RDMPipeline",)
    catalogue = CATALOGUE
    options: ClassVar[tuple[str, ...]] = ("query",)
    proven = (
        "Tiny random models of the published classes on a CPU: prompt, seed, each of up to 20 "
        "neighbours, sizes, batches, progress, cancellation, saving and loading; sampling equals "
        "diffusers' Stable Diffusion given the same embeddings. The published weights were not run."
    )

    def capability(self) -> Capability:
        """Return what the configuration makes possible; nothing is loaded."""
        base = super().capability()
        return replace(
            base,
            abilities=frozenset({"text", "image-prompt"}),
            max_references=self.config.k,
            # The authors' script shows ten.
            recommended_references=min(10, self.config.k),
            licence=base.licence or None,
        )

    def generate(self, guidances: Sequence[Guidance]) -> list[Image]:
        """Return one picture per guidance, in order.

        Raises:
            CapabilityError: A guidance asks for more than `capability()` says, or than fits.
            ConfigError: A device, dtype, offload or scheduler is not possible here.
            WeightsError: The model cannot be loaded.
        """
        if guidances:
            self._refuse_pickles()
        return super().generate(guidances)

    def check(self, guidance: Guidance, capability: Capability) -> Request:
        """Return the request for one guidance, with whether the prompt's embedding joins in."""
        query = guidance.options.get("query", self.config.query)
        known = get_args(QueryUse)
        request = super().check(guidance, capability)
        if query not in known:
            raise CapabilityError(
                f"query: {query!r} is not one of {', '.join(map(repr, known))}: whether the "
                "prompt's own embedding joins those of the neighbours."
            )
        return replace(request, options={"query": query})

    def company(self, request: Request) -> Hashable:
        """Pictures of one call have equally many vectors to attend to."""
        return request.size, len(request.images), request.options["query"]

    def pipeline_class(self, name: str) -> type:
        """Return this plugin's own pipeline; diffusers has none."""
        from imagerag_rdm.pipeline import RDMPipeline

        return RDMPipeline

    def prepare(self, pipe: Any) -> None:
        """Check that the parts fit, and take the image processor that rounds the same anywhere."""
        from imagerag_rdm.fitting import check_parts, own_processor

        check_parts(self.config.model, pipe)
        pipe.feature_extractor = own_processor(pipe.feature_extractor)

    def arguments(self, pipe: Any, rows: Sequence[Request]) -> dict[str, Any]:
        """Return the pipeline's own arguments: neighbours, guidance, how they are embedded."""
        from imagerag_rdm.fitting import latent_scale

        self._note_cuts(pipe, rows)
        return {
            "images": [row.images for row in rows],
            "guidance_scale": self.config.guidance_scale,
            "eta": self.config.eta,
            "query": rows[0].options["query"] == "text",
            "normalise": self.config.normalise,
            "latent_scale": latent_scale(self.config.latent_scale, pipe.vae),
        }

    def facts(self) -> Facts:
        """Return what the configuration means; nothing is loaded or fetched."""
        return replace(
            super().facts(),
            implementation="diffusers.UNet2DConditionModel on transformers.CLIPModel",
        )

    def _refuse_pickles(self) -> None:
        """Say how to convert weights that are published as pickles only, before any is fetched."""
        model = self.config.model.removeprefix("hf-hub:")
        if model not in PICKLED or self.config.revision is not None or Path(model).is_dir():
            return
        files = ", ".join(PICKLED[model])
        raise WeightsError(
            f"The weights of {model!r} are published as pickles only ({files}), a format that can "
            "run code while it loads; only safetensors are read. Fetch them once, `hf download "
            f"{model} --revision {CATALOGUE[model].revision} --local-dir rdm`, convert them as the "
            "README of imagerag-rdm shows, and set model to that folder."
        )

    def _note_cuts(self, pipe: Any, rows: Sequence[Request]) -> None:
        """Put a line into the record for each prompt that is longer than CLIP reads."""
        most = pipe.tokenizer.model_max_length
        for prompt in dict.fromkeys(row.prompt for row in rows):
            count = len(pipe.tokenizer(prompt, verbose=False).input_ids)
            if count > most:
                self.context.decide(
                    "generate",
                    f"prompt cut to {most} tokens",
                    f"{prompt[:60]!r}… has {count} tokens, and CLIP reads {most}",
                )
