"""How probable it is that a picture shows a concept, against a contrast set."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from imagerag_clip.wording import caption

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imagerag.roles import Vectors
    from imagerag_clip.contrast import ContrastSet
    from imagerag_clip.splitting import Phrase

KEPT = 20_000
"""Text vectors kept in memory (40 MB at 512 dimensions)."""


class ConceptScorer:
    """Zero-shot classification, concept by concept, as CLIP's paper does it with class names.

    A concept and each of its rivals become a caption; the probability of the concept is its share
    of the softmax over their cosines with the picture, at the model's own logit scale (arXiv
    2103.00020, section 3.1.2). Concepts are scored apart, so one picture can show several.

    Args:
        contrast: The names that concepts are told apart from.
        captions: Template by kind; kinds without one use that of "object".
        encode_texts: Texts to unit vectors of the model.
        logit_scale: The model's logit scale, asked for at the first score.
    """

    def __init__(
        self,
        contrast: ContrastSet,
        captions: Mapping[str, str],
        encode_texts: Callable[[Sequence[str]], Vectors],
        logit_scale: Callable[[], float],
    ) -> None:
        self.contrast = contrast
        self._captions = captions
        self._encode = encode_texts
        self._logit_scale = logit_scale
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self._lock = threading.Lock()

    def caption(self, phrase: Phrase) -> str:
        """Return the text that stands for a concept."""
        return caption(self._captions.get(phrase.kind, self._captions["object"]), phrase.name)

    def judges(self, phrase: Phrase) -> bool:
        """Return whether the contrast set has names to compare this concept with."""
        return self.contrast.kind_for(phrase.kind) is not None

    def probabilities(
        self, images: Vectors, phrase: Phrase, present: Sequence[Phrase] = ()
    ) -> NDArray[np.float64]:
        """Return the probability of a concept in each picture, shape (len(images),), 0 to 1.

        Args:
            images: Unit vectors of the pictures, shape (n, dim).
            phrase: The concept; `judges(phrase)` must hold.
            present: The other concepts of the prompt, which are no rivals.
        """
        return self.shares(images, phrase, present)[1][:, 0]

    def best(self, image: Vectors, kind: str) -> str:
        """Return the contrast name of `kind` that fits a picture (shape (1, dim)) best."""
        from imagerag_clip.splitting import Phrase

        names = self.contrast.kinds[kind]
        texts = self._texts([self.caption(Phrase(name, kind)) for name in names])
        return names[int((image @ texts.T)[0].argmax())]

    def shares(
        self, images: Vectors, phrase: Phrase, present: Sequence[Phrase] = ()
    ) -> tuple[list[str], NDArray[np.float64]]:
        """Return the concept's name and its rivals, and the share of each in each picture.

        The shares have shape (len(images), len(names)); each row sums to 1. Arguments are those
        of `probabilities`.
        """
        import numpy as np

        from imagerag_clip.splitting import Phrase

        names = [phrase.name, *self.contrast.rivals(phrase, present)]
        texts = self._texts([self.caption(Phrase(name, phrase.kind)) for name in names])
        logits = self._logit_scale() * (images.astype(np.float64) @ texts.T.astype(np.float64))
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return names, shares / shares.sum(axis=1, keepdims=True)

    def _texts(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of `texts`, each computed once."""
        import numpy as np

        with self._lock:
            if new := [text for text in dict.fromkeys(texts) if text not in self._vectors]:
                if len(self._vectors) + len(new) > KEPT:
                    self._vectors.clear()
                    new = list(dict.fromkeys(texts))
                self._vectors.update(zip(new, self._encode(new), strict=True))
            found: Vectors = np.stack([self._vectors[text] for text in texts])
        return found
