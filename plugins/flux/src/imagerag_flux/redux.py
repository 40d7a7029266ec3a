"""The generator "flux-redux": images as a part of the prompt, each as strong as it is asked to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imagerag.errors import CapabilityError
from imagerag_diffusers import known
from imagerag_flux.flux1 import Flux1Generator
from imagerag_flux.published import FLUX_1, REDUX_1

if TYPE_CHECKING:
    from imagerag.values import Capability, Facts, Guidance
    from imagerag_diffusers import Request
    from imagerag_diffusers.layout import Layout
    from imagerag_flux.config import FluxReduxConfig


class FluxReduxGenerator(Flux1Generator):
    """Paints with `FluxPriorReduxPipeline` and `FluxPipeline`.

    Without references a picture is the bare model's, bit for bit.
    """

    config: FluxReduxConfig

    name = "flux-redux"
    pipelines = ("FluxPipeline",)
    catalogue = FLUX_1
    options = ("scale",)
    proven = (
        "Tiny random models of both classes on a CPU: each reference, strengths, text alone, seed, "
        "prompt, sizes, batches, progress, cancellation, saving and loading; the published weights "
        "were not run."
    )

    def capability(self) -> Capability:
        """Return what the configuration makes possible; nothing is loaded."""
        config, base = self.config, super().capability()
        prior = known(config.prior, REDUX_1)
        commercial = config.commercial
        if commercial is None and not config.licence:
            both = {base.commercial, prior.commercial if prior else None}
            commercial = False if False in both else None if None in both else True
        licences = dict.fromkeys([base.licence, prior.licence if prior else None])
        return replace(
            base,
            abilities=frozenset({"text", "image-prompt"}),
            max_references=config.max_references,
            recommended_references=min(config.max_references, 2),
            licence=config.licence or " and ".join(filter(None, licences)) or None,
            commercial=commercial,
            memory_gb=config.memory_gb,  # what is published is without the prior
        )

    def check(self, guidance: Guidance, capability: Capability) -> Request:
        """Return the request, whose option `scale` is a tuple: one number for each reference.

        Raises:
            CapabilityError: The scale is not a number, or one for each reference; or more is asked
                for than the generator can do.
        """
        request = super().check(guidance, capability)
        return replace(request, options={"scale": _scales(guidance, self.config.scale)})

    def pipeline_class(self, name: str) -> type:
        """Return the pipeline that has room for the prior."""
        from imagerag_flux.redux_pipeline import ReduxFluxPipeline

        return ReduxFluxPipeline

    def examine(self, layout: Layout) -> None:
        """Look for the prior, so that what is wrong with it is said before the model is read."""
        from imagerag_flux.prior import check_prior

        check_prior(self.config, layout.folder)

    def prepare(self, pipe: Any) -> None:
        """Put the prior beside the loaded pipeline."""
        from imagerag_flux.prior import load_prior

        pipe.prior = load_prior(self.config, pipe)

    def arguments(self, pipe: Any, rows: Sequence[Request]) -> dict[str, Any]:
        """Return the pipeline's own arguments; with references, prompts that hold them."""
        given = super().arguments(pipe, rows)
        if not rows[0].images:
            return given
        import torch

        most = self.most_tokens(pipe)
        read = [pipe.read(row.prompt, row.images, row.options["scale"], most) for row in rows]
        return {
            **given,
            "prompt": None,
            "prompt_embeds": torch.cat([words for words, _ in read]),
            "pooled_prompt_embeds": torch.cat([pooled for _, pooled in read]),
        }

    def versions(self) -> Mapping[str, str]:
        """Return what the base names, and the prior."""
        return {
            **super().versions(),
            "prior": self.config.prior,
            "prior_revision": self._prior_content(),
        }

    def facts(self) -> Facts:
        """Return what the configuration means; nothing is loaded or fetched."""
        facts = super().facts()
        return replace(
            facts,
            model=f"{facts.model} with {self.config.prior} ({self._prior_content()})",
            implementation=f"diffusers.FluxPriorReduxPipeline and {facts.implementation}",
        )

    def _prior_content(self) -> str:
        from imagerag_diffusers.provenance import content

        return content(self.config.prior, self.config.prior_revision, REDUX_1)


def _scales(guidance: Guidance, default: float) -> tuple[float, ...]:
    """Return the weight of each reference: the option's, else its own strength, else `default`."""
    references = guidance.references
    given = guidance.options.get("scale")
    if given is None:
        return tuple(default if each.strength is None else each.strength for each in references)
    scales = given if isinstance(given, list | tuple) else [given] * len(references)
    for scale in scales:
        # bool is an int to Python.
        number = isinstance(scale, int | float) and not isinstance(scale, bool)
        if not number or not math.isfinite(scale) or scale < 0:
            raise CapabilityError(
                f"scale = {given!r}: give a number of at least 0, or a list of one for each "
                "reference."
            )
    if len(scales) != len(references):
        raise CapabilityError(
            f"scale = {given!r} has {len(scales)} numbers for {len(references)} references."
        )
    return tuple(map(float, scales))
