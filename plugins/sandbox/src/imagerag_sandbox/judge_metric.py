"""The judge as a metric: how surely a picture shows its target concept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imagerag.errors import CapabilityError, UsageError
from imagerag.resources import local
from imagerag.roles import Metric
from imagerag.values import Sample

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag_sandbox.judge import Judge


class JudgeMetric(Metric):
    """Probability of the target concept among all concepts of the sandbox, 0 to 1.

    The judge shares neither architecture, training pictures' augmentations nor seed with the CLIP
    that retrieves and criticises.
    """

    def __init__(self, config: Any, context: Any) -> None:
        super().__init__(config, context)
        self._judge: Judge | None = None

    @property
    def judge(self) -> Judge:
        """The classifier, loaded on first use."""
        if self._judge is None:
            from imagerag_sandbox.judge import Judge

            self._judge = Judge(local(self.config.weights))
        return self._judge

    def measure(
        self, images: Sequence[Image], prompts: Sequence[str], targets: Sequence[str | None]
    ) -> list[Sample]:
        """Judge each picture.

        Raises:
            CapabilityError: The sandbox does not know a target.
            UsageError: The three sequences differ in length.
        """
        if not len(images) == len(prompts) == len(targets):
            raise UsageError(
                f"{len(images)} images, {len(prompts)} prompts and {len(targets)} targets were "
                "given: give one of each per sample."
            )
        samples = []
        for verdict, target in zip(self.judge.look(images), targets, strict=True):
            if target is None or target not in verdict.probabilities:
                raise CapabilityError(
                    f"the sandbox's judge knows no concept {target!r}; it judges pictures of the "
                    "sandbox's own world only (see imagerag_sandbox/data/world.json)."
                )
            detail = {"seen": verdict.concept, "background": verdict.background}
            samples.append(Sample("sandbox-judge", verdict.probabilities[target], detail))
        return samples

    def close(self) -> None:
        """Forget the weights."""
        self._judge = None
