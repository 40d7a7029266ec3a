"""Encoders that break a rule each."""

from __future__ import annotations

import itertools

import numpy as np

from imagerag.testing.doubles import HashingEncoder


class IsTwiceAsLong(HashingEncoder):
    """Does not scale its vectors to length 1."""

    def encode_texts(self, texts):
        return super().encode_texts(texts) * np.float32(2)


class IsDouble(HashingEncoder):
    """Gives what it computes in."""

    def encode_images(self, images):
        return super().encode_images(images).astype(np.float64)


class CountsWrong(HashingEncoder):
    """Says that its vectors are longer than they are."""

    @property
    def dim(self):
        return super().dim + 1

    def _vector(self, content):
        return super()._vector(content)[:-1]

    def _unit(self, rows):
        matrix = np.asarray(rows, dtype=np.float32).reshape(len(rows), self.dim - 1)
        return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)

    def encode_texts(self, texts):
        rows = [
            sum(map(self._vector, text.lower().encode().split()), self._vector(b""))
            for text in texts
        ]
        return self._unit(rows)


class HasNoFixedSpace(HashingEncoder):
    """Calls its space another name each time it is made."""

    _made = itertools.count()

    def __init__(self, config, context):
        super().__init__(config, context)
        self._number = next(self._made)

    @property
    def space(self):
        return f"{super().space}-{self._number}"


class StartsAtRandom(HashingEncoder):
    """Has other weights each time it is made, under the same name."""

    _made = itertools.count()

    def __init__(self, config, context):
        super().__init__(config, context)
        self._weights = str(next(self._made)).encode()

    def _vector(self, content):
        return super()._vector(self._weights + content)


class LeaksAcrossTheBatch(HashingEncoder):
    """Lets the mean of a batch into each of its vectors."""

    def encode_images(self, images):
        vectors = super().encode_images(images)
        if len(vectors) < 2:
            return vectors
        mixed = vectors + np.float32(0.2) * vectors.mean(axis=0)
        return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


class TurnsBatchesRound(HashingEncoder):
    """Gives a batch of pictures from its end."""

    def encode_images(self, images):
        return super().encode_images(images)[::-1]


class NeedsSomething(HashingEncoder):
    """Stacks what there is, and there must be something."""

    def encode_images(self, images):
        return np.stack([super(NeedsSomething, self).encode_images([each])[0] for each in images])


class ReadsAsciiAlone(HashingEncoder):
    """Reads texts of one script."""

    def encode_texts(self, texts):
        for text in texts:
            text[:500].encode("ascii")
        return super().encode_texts(texts)


class RefusesLongTexts(HashingEncoder):
    """Takes no text that is longer than its context."""

    def encode_texts(self, texts):
        if any(len(text) > 500 for text in texts):
            raise ValueError("the text is longer than the context")
        return super().encode_texts(texts)


class IsBlind(HashingEncoder):
    """Sees the same in every picture."""

    def encode_images(self, images):
        return self._unit([self._vector(b"a picture") for _ in images])
