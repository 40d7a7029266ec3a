"""The encoders `clip` and `siglip`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from imagerag.roles import Context, Encoder
from imagerag.values import Facts
from imagerag_clip.facts import facts_of
from imagerag_clip.sharing import SharedModel

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.roles import Vectors
    from imagerag_clip.config import ClipModelConfig

PROVEN = (
    "vectors equal to open_clip's own on tiny random CLIPs and SigLIPs in the published layouts; "
    "retrieval on the sandbox's trained CLIP"
)


class ClipEncoder(Encoder):
    """Vectors of any model that open_clip knows: CLIP, SigLIP and their relatives.

    Images pass through open_clip's own inference transform. Texts longer than the model's context
    are cut, with a `ContextTruncatedWarning`.
    """

    config: ClipModelConfig

    def __init__(self, config: ClipModelConfig, context: Context) -> None:
        super().__init__(config, context)
        self._shared = SharedModel(config)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._shared.layout.dim

    @property
    def space(self) -> str:
        """A stable id of model, weights and preprocessing, found without loading the model."""
        return self._shared.layout.space

    @property
    def image_size(self) -> int | None:
        """Side of the model's input in pixels, found without loading the model."""
        return self._shared.layout.image_size

    @property
    def context_length(self) -> int:
        """How many tokens of a text the model reads, start and end token included."""
        return self._shared.model.context_length

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, float32, shape (len(texts), dim), in order."""
        return self._shared.model.encode_texts(texts, self.config.batch_size)

    def encode_images(self, images: Sequence[Image]) -> Vectors:
        """Return unit vectors, float32, shape (len(images), dim), in order.

        Raises `ImageError` for a picture that cannot be decoded.
        """
        return self._shared.model.encode_images(images, self.config.batch_size)

    def versions(self) -> Mapping[str, str]:
        """Return the model, its revision and its space."""
        return self._shared.versions()

    def facts(self) -> Facts:
        """Return the model, its revision and licence."""
        return facts_of(self.config, PROVEN)

    def close(self) -> None:
        """Let go of the model."""
        self._shared.close()
