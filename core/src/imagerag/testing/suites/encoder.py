"""What encoders are held to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from imagerag.testing.suites.hostile import TEXTS
from imagerag.testing.suites.pictures import picture
from imagerag.testing.suites.ruling import rule
from imagerag.testing.suites.suite import ComponentSuite
from imagerag.testing.suites.verdict import broken, require, unjudged, unwarned

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.roles import Encoder, Vectors
    from imagerag.testing.suites.workshop import Workshop

WORDS = ("a hedgehog", "a blue umbrella on a beach", "three green bottles", "an owl")
SIZES = ((64, 64), (48, 64), (100, 40), (33, 31))

LONG = 500
"""Characters from which a text is longer than many models read."""

NORM = 1e-3
"""How far the length of a vector may be from 1: what half precision leaves."""

SAME = 5e-3
"""How far an element of two vectors of one input may differ: kernels for another batch size sum in
another order, in half precision on some devices."""


class EncoderSuite(ComponentSuite):
    """Holds an encoder to its role.

    `other_options` are options under which the vectors are others, for instance of another model:
    they must give another space. A mapping, or the name of a fixture.
    """

    role = "encoder"

    other_options: ClassVar[Mapping[str, Any] | str | None] = None

    @pytest.fixture(scope="class")
    @classmethod
    def given(cls) -> dict[str, Any]:
        """What it is exercised with: texts and pictures."""
        return {"texts": list(WORDS), "images": _pictures()}

    def exercise(self, subject: Any, given: Any) -> Any:
        """Encode; vectors are the same where they agree to two decimals."""
        import numpy as np

        texts = subject.encode_texts(given["texts"])
        images = subject.encode_images(given["images"])
        return [(np.round(each, 2) + 0.0).tolist() for each in (texts, images)]

    @rule()
    def test_vectors_are_of_unit_length(self, subject: Encoder) -> None:
        """Vectors have the length 1, so that a dot product is a cosine."""
        import numpy as np

        for what, vectors in _both(subject):
            lengths = np.linalg.norm(np.asarray(vectors, dtype=np.float64), axis=1)
            off = float(np.abs(lengths - 1.0).max())
            require(off <= NORM, f"vectors of {what} have lengths {lengths.round(4).tolist()}")

    @rule()
    def test_vectors_are_float32(self, subject: Encoder) -> None:
        """Vectors are numpy arrays of float32, whatever the model computes in."""
        for what, vectors in _both(subject):
            kind = str(getattr(vectors, "dtype", type(vectors).__name__))
            require(kind == "float32", f"vectors of {what} are {kind}")

    @rule()
    def test_dim_is_true(self, subject: Encoder) -> None:
        """`dim` is the length of the vectors, of texts and of pictures alike."""
        for what, vectors in _both(subject):
            found = tuple(vectors.shape)
            require(
                len(found) == 2 and found[1] == subject.dim,
                f"dim is {subject.dim}, and vectors of {len(WORDS)} {what} have the shape {found}",
            )

    @rule()
    def test_space_is_true(
        self, subject: Encoder, workshop: Workshop, request: pytest.FixtureRequest
    ) -> None:
        """`space` is the same exactly where vectors can be compared.

        The same options made anew have the same space, and `other_options` another one.
        """
        space = subject.space
        require(isinstance(space, str) and bool(space.strip()), f"space is {space!r}")
        anew = workshop.build()
        require(anew.space == space, f"an encoder made anew has the space {anew.space!r}")
        other = self.given_or_fixture(request, "other_options")
        if other is not None:
            elsewhere = workshop.build(options=other).space
            require(elsewhere != space, f"with other_options the space is {space!r} all the same")

    @rule()
    def test_made_anew_it_gives_the_same_vectors(
        self, subject: Encoder, workshop: Workshop
    ) -> None:
        """An encoder made anew gives the vectors that an index was built of."""
        anew = workshop.build()
        for (what, one), (_, other) in zip(_both(subject), _both(anew), strict=True):
            off = _off(one, other)
            require(off <= SAME, f"vectors of {what} are others, by {off:.4f}, made anew")

    @rule()
    def test_a_batch_is_its_single_inputs(self, subject: Encoder) -> None:
        """What is encoded together has the vectors that it has alone."""
        if not self._steady(subject):
            unjudged("the same input does not give the same vector")
        alone = self._alone(subject)
        for (what, together), single in zip(_both(subject), alone, strict=True):
            # In any order: whether that is kept is another rule.
            gaps = [min(_off(row, each) for each in single) for row in together]
            require(max(gaps) <= SAME, f"in a batch, vectors of {what} are off by {max(gaps):.4f}")

    @rule()
    def test_order_is_kept(self, subject: Encoder) -> None:
        """Vectors come in the order of the inputs."""
        alone = self._alone(subject)
        for (what, together), single in zip(_both(subject), alone, strict=True):
            for number, row in enumerate(together):
                gaps = [_off(row, each) for each in single]
                require(
                    gaps[number] <= min(gaps) + SAME,
                    f"of {what}, vector {number} is that of input {gaps.index(min(gaps))}",
                )

    @rule()
    def test_nothing_gives_no_vectors(self, subject: Encoder) -> None:
        """No texts and no pictures give arrays of shape (0, dim)."""
        for what, encode in (("texts", subject.encode_texts), ("pictures", subject.encode_images)):
            try:
                found = tuple(encode([]).shape)
            except Exception as error:
                broken(f"no {what} raise {type(error).__name__}: {error}")
            require(
                len(found) == 2 and found[0] == 0 and found[1] > 0,
                f"no {what} give the shape {found}",
            )

    @rule()
    def test_any_text_is_encoded(self, subject: Encoder) -> None:
        """Any text has a finite vector: an empty one, one full of markup, one in any script."""
        _check_texts(subject, [text for text in TEXTS if len(text) <= LONG])

    @rule()
    def test_long_texts_are_cut(self, subject: Encoder) -> None:
        """A text longer than the model reads is cut, and no error."""
        _check_texts(subject, [text for text in TEXTS if len(text) > LONG])

    @rule()
    def test_different_inputs_differ(self, subject: Encoder) -> None:
        """Different texts have different vectors, and so have different pictures."""
        for what, vectors in _both(subject):
            for number in range(1, len(vectors)):
                off = _off(vectors[0], vectors[number])
                which = (
                    f"{WORDS[0]!r} and {WORDS[number]!r}" if what == "texts" else f"0 and {number}"
                )
                require(off > 1e-6, f"{what} {which} have the same vector")

    @staticmethod
    def _alone(subject: Encoder) -> list[Any]:
        """Return the vectors of texts and of pictures, encoded one by one."""
        import numpy as np

        return [
            np.concatenate([subject.encode_texts([words]) for words in WORDS]),
            np.concatenate([subject.encode_images([image]) for image in _pictures()]),
        ]

    @staticmethod
    def _steady(subject: Encoder) -> bool:
        one, again = (subject.encode_texts([WORDS[0]]) for _ in range(2))
        return _off(one, again) <= SAME


def _pictures() -> list[Image]:
    return [picture(number, size) for number, size in enumerate(SIZES)]


def _both(encoder: Encoder) -> list[tuple[str, Vectors]]:
    return [
        ("texts", encoder.encode_texts(WORDS)),
        ("pictures", encoder.encode_images(_pictures())),
    ]


def _off(one: Any, other: Any) -> float:
    """Return the largest difference of vectors scaled to length 1, infinite for other shapes."""
    import numpy as np

    first, second = (np.asarray(each, dtype=np.float64) for each in (one, other))
    if first.shape != second.shape:
        return float("inf")
    scaled = [
        each / np.maximum(np.linalg.norm(each, axis=-1, keepdims=True), 1e-12)
        for each in (first, second)
    ]
    return float(np.abs(scaled[0] - scaled[1]).max(initial=0.0))


def _check_texts(encoder: Encoder, texts: Sequence[str]) -> None:
    """Require that each text has a finite vector; what is said of one that is cut may pass."""
    import numpy as np

    for text in texts:
        told = f"the text {text[:60]!r} ({len(text)} characters)"
        try:
            with unwarned():
                vector = np.asarray(encoder.encode_texts([text]))
        except Exception as error:
            broken(f"{told} raises {type(error).__name__}: {error}")
        require(
            vector.ndim == 2 and len(vector) == 1 and bool(np.isfinite(vector).all()),
            f"{told} has no finite vector",
        )
