"""The metrics `clip` and `siglip`: how well pictures fit their texts, one value each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from imagerag.errors import UsageError
from imagerag.roles import Context, Metric
from imagerag.values import Facts, Sample
from imagerag_clip.facts import facts_of
from imagerag_clip.sharing import SharedModel
from imagerag_clip.wording import caption

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag_clip.config import ClipMetricConfig

PROVEN = (
    "values equal to open_clip's own cosines, and for SigLIP to the sigmoid of its own logits, on "
    "tiny random models of both classes"
)


class ClipMetric(Metric):
    """Cosine of each picture with its prompt or target, -1 to 1, under one named encoder.

    Cosines of different models are on different scales: compare values of one encoder only.
    """

    name: ClassVar[str] = "clip"
    """What its samples are called."""

    config: ClipMetricConfig

    def __init__(self, config: ClipMetricConfig, context: Context) -> None:
        super().__init__(config, context)
        self._shared = SharedModel(config)

    def measure(
        self, images: Sequence[Image], prompts: Sequence[str], targets: Sequence[str | None]
    ) -> list[Sample]:
        """Return one sample per image; its detail names the encoder's space and the text.

        Of a SigLIP the detail also holds the probability that the two belong together.

        Raises:
            UsageError: The three sequences differ in length.
            ImageError: A picture cannot be decoded.
        """
        if not len(images) == len(prompts) == len(targets):
            raise UsageError(
                f"{len(images)} images, {len(prompts)} prompts and {len(targets)} targets were "
                "given: give one of each per sample."
            )
        texts = [
            caption(self.config.caption, target)
            if target and self.config.of == "target"
            else prompt
            for prompt, target in zip(prompts, targets, strict=True)
        ]
        model, size = self._shared.model, self.config.batch_size
        cosines = (model.encode_images(images, size) * model.encode_texts(texts, size)).sum(axis=1)
        space = self._shared.layout.space
        samples = []
        for value, text, target in zip(cosines.tolist(), texts, targets, strict=True):
            detail: dict[str, Any] = {"encoder": space, "text": text, "target": target}
            if (probability := model.probability(value)) is not None:
                detail["probability"] = probability
            samples.append(Sample(self.name, value, detail))
        return samples

    def versions(self) -> Mapping[str, str]:
        """Return the model, its revision and its space."""
        return self._shared.versions()

    def facts(self) -> Facts:
        """Return the model, its revision and licence."""
        return facts_of(self.config, PROVEN)

    def close(self) -> None:
        """Let go of the model."""
        self._shared.close()


class SiglipMetric(ClipMetric):
    """The same of a SigLIP, under its own name."""

    name = "siglip"
