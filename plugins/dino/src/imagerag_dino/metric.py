"""The metric `dino`: how like real pictures of its target concept a picture is."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from imagerag.errors import ConfigError, UsageError
from imagerag.roles import Context, Metric
from imagerag.values import Facts, Sample
from imagerag_dino.facts import facts_of
from imagerag_dino.references import CollectionReferences, FolderReferences, Found, References
from imagerag_dino.sharing import SharedModel

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.roles import Vectors
    from imagerag_dino.config import DinoMetricConfig

NAMED = 5
"""Concepts without a picture that an error names; it counts the others."""


class DinoMetric(Metric):
    """Mean cosine of each picture with the real pictures of its target, -1 to 1.

    Both are seen by DINO alone, image to image: the wording of the prompt has no part in it. Each
    picture needs a target, and each target a real picture. A sample for one without would have to
    be invented, and a list with gaps would spoil paired tests, so that is an error, raised before
    anything is computed. `covers` tells beforehand what can be measured.
    """

    config: DinoMetricConfig

    def __init__(self, config: DinoMetricConfig, context: Context) -> None:
        super().__init__(config, context)
        self._shared = SharedModel(config)
        self._references: References | None = None
        self._lock = threading.Lock()

    def covers(self, targets: Sequence[str | None]) -> list[bool]:
        """Say for each target whether there is a real picture of it; no weights are loaded."""
        have = self.references.having(target for target in targets if target)
        return [target in have for target in targets]

    def measure(
        self, images: Sequence[Image], prompts: Sequence[str], targets: Sequence[str | None]
    ) -> list[Sample]:
        """Return one sample per image.

        Its detail holds the `encoder`'s space, the `target`, how many `references` there were,
        the `mean` (which is the value) and `max` of the cosines, and the name of the `nearest`.

        Raises:
            UsageError: The three sequences differ in length, a target is missing, or a target has
                no real picture.
            ConfigError: Neither `references` nor `collection` is set, or the folder is not there.
            ImageError: A picture, or a reference, which is named then, cannot be decoded.
            CollectionError: The collection or one of its files is not there.
        """
        if not len(images) == len(prompts) == len(targets):
            raise UsageError(
                f"{len(images)} images, {len(prompts)} prompts and {len(targets)} targets were "
                "given: give one of each per sample."
            )
        if not images:
            return []
        self._check(targets)
        found = {target: self.references.of(target) for target in dict.fromkeys(targets) if target}
        vectors = self._encode(images)
        return [
            self._sample(vector, target, found[target])
            for vector, target in zip(vectors, targets, strict=True)
            if target
        ]

    @property
    def references(self) -> References:
        """The real pictures, opened on first use."""
        with self._lock:
            if self._references is None:
                self._references = self._open()
            return self._references

    def _open(self) -> References:
        config = self.config
        limits = (config.batch_size, config.max_references)
        if config.references is not None:
            return FolderReferences(config.references, self._encode, *limits)
        if config.collection is not None:
            space = self._shared.layout.space
            return CollectionReferences(config.collection, space, self._encode, *limits)
        raise ConfigError(
            "The metric 'dino' (imagerag-dino) needs real pictures to compare with: set "
            "`references` to a folder with one folder of pictures for each concept, or "
            "`collection` to a collection whose tags or captions name the concepts."
        )

    def _encode(self, images: Sequence[Image]) -> Vectors:
        return self._shared.model.encode(images, self.config.batch_size)

    def _check(self, targets: Sequence[str | None]) -> None:
        without = [at for at, target in enumerate(targets) if not target]
        if without:
            raise UsageError(
                f"The metric 'dino' compares with real pictures of a target concept, and sample "
                f"{without[0]} of {len(targets)} (counted from 0) has no target: give one for each "
                "picture, or leave that picture out."
            )
        have = self.references.having(target for target in targets if target)
        lacking = [target for target in dict.fromkeys(targets) if target and target not in have]
        if lacking:
            names = ", ".join(map(repr, lacking[:NAMED]))
            more = f" and {len(lacking) - NAMED} more" if len(lacking) > NAMED else ""
            raise UsageError(
                f"There is no real picture of {names}{more} to compare with: "
                f"{self.references.advice(lacking[0])} Or leave out what `DinoMetric.covers` says "
                "is not covered."
            )

    def _sample(self, vector: Vectors, target: str, found: Found) -> Sample:
        import numpy as np

        cosines = (found.vectors.astype(np.float64) @ vector.astype(np.float64)).clip(-1, 1)
        nearest = int(cosines.argmax())
        mean = float(cosines.mean())
        return Sample(
            "dino",
            mean,
            {
                "encoder": self._shared.layout.space,
                "target": target,
                "references": len(cosines),
                "mean": mean,
                "max": float(cosines[nearest]),
                "nearest": found.names[nearest],
            },
        )

    def versions(self) -> Mapping[str, str]:
        """Return the model, its revision and space, and where the real pictures come from."""
        place = self.config.references or self.config.collection
        return {**self._shared.versions(), **({"references": place} if place else {})}

    def facts(self) -> Facts:
        """Return the model, its revision and licence."""
        return facts_of(self.config)

    def close(self) -> None:
        """Let go of the model and of the collection."""
        self._shared.close()
        with self._lock:
            opened, self._references = self._references, None
        if opened is not None:
            opened.close()
