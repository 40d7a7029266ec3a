"""What metrics are held to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from imagerag.errors import ImageRAGError
from imagerag.testing.suites.pictures import picture
from imagerag.testing.suites.ruling import rule
from imagerag.testing.suites.suite import ComponentSuite
from imagerag.testing.suites.verdict import broken, require, trouble_of, unjudged
from imagerag.values import Sample

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.roles import Metric
    from imagerag.testing.suites.workshop import Workshop

SAME = 1e-3
"""How far two values of one picture may differ, as a share: kernels for another batch size sum in
another order."""


@dataclass(frozen=True)
class Shown:
    """One picture to measure, with its prompt and its target."""

    image: Image = field(compare=False)
    prompt: str = ""
    target: str | None = None


class MetricSuite(ComponentSuite):
    """Holds a metric to its role.

    `known` are pairs of `Shown`, at least one: of each, the first is known to have the higher
    value. A sequence, or the name of a fixture.
    """

    role = "metric"

    known: ClassVar[Sequence[tuple[Shown, Shown]] | str] = ()

    @pytest.fixture(scope="class")
    @classmethod
    def pairs(cls, request: pytest.FixtureRequest) -> list[tuple[Shown, Shown]]:
        """The known pairs."""
        return list(request.cls.given_or_fixture(request, "known"))

    @pytest.fixture(scope="class")
    @classmethod
    def given(
        cls, request: pytest.FixtureRequest, subject: Metric, pairs: list[tuple[Shown, Shown]]
    ) -> list[Shown]:
        """What it is exercised with: the pictures of the known pairs."""
        if pairs:
            return [shown for pair in pairs for shown in pair]
        made = [Shown(picture(n), f"picture {n}", f"picture {n}") for n in range(4)]
        if request.cls.unattended:
            try:
                _measure(subject, made)
            except ImageRAGError as error:
                unjudged(
                    f"it has to be shown pictures that it knows, by `known` of a test file: {error}"
                )
        return made

    def exercise(self, subject: Any, given: Any) -> Any:
        """Measure; values are the same to five decimals."""
        return [repr(round(sample.value, 5)) for sample in _measure(subject, given)]

    def refusals(self, subject: Any, workshop: Workshop) -> Iterable[tuple[str, Callable[[], Any]]]:
        """Sequences of different lengths."""
        yield "fewer prompts than pictures", lambda: subject.measure([picture(1)], [], [None])

    @rule()
    def test_one_sample_each(self, subject: Metric, given: list[Shown]) -> None:
        """There is one `Sample` for each picture, never a mean alone; none for none."""
        for count in (len(given), 1, 0):
            samples = _measure(subject, given[:count])
            require(len(samples) == count, f"{len(samples)} samples for {count} pictures")
            for sample in samples:
                require(isinstance(sample, Sample), f"a sample is {sample!r}")
                require(bool(sample.metric.strip()), "a sample does not say of which metric it is")

    @rule()
    def test_values_are_finite(self, subject: Metric, given: list[Shown]) -> None:
        """Values are numbers: neither NaN nor infinite."""
        for number, sample in enumerate(_measure(subject, given)):
            require(math.isfinite(sample.value), f"sample {number} has the value {sample.value}")

    @rule()
    def test_known_pairs_are_told_apart(
        self, subject: Metric, pairs: list[tuple[Shown, Shown]]
    ) -> None:
        """Of each pair that the suite knows, the first has the higher value."""
        if not pairs and self.unattended:
            unjudged("nobody gave it known pairs: `known` of its suite in a test file does")
        require(bool(pairs), "the suite needs `known`: pairs of which the first measures higher")
        for number, (high, low) in enumerate(pairs):
            above, below = (_measure(subject, [shown])[0].value for shown in (high, low))
            require(above > below, f"pair {number} measures {above} and {below}")

    @rule()
    def test_order_is_kept(self, subject: Metric, given: list[Shown]) -> None:
        """Samples come in the order of the pictures."""
        alone = [_measure(subject, [shown])[0].value for shown in given]
        for number, sample in _finite(_measure(subject, given)):
            nearest = min(abs(sample.value - value) for value in alone)
            require(
                abs(sample.value - alone[number]) <= nearest + _slack(alone[number]),
                f"sample {number} measures {sample.value}, and its picture {alone[number]} alone",
            )

    @rule()
    def test_company_makes_no_difference(self, subject: Metric, given: list[Shown]) -> None:
        """A picture measures the same, whatever is measured with it."""
        alone = [_measure(subject, [shown])[0].value for shown in given]
        for number, sample in _finite(_measure(subject, given)):
            nearest = min(alone, key=lambda value: abs(sample.value - value))
            require(
                abs(sample.value - nearest) <= _slack(nearest),
                f"sample {number} measures {sample.value}, which no picture measures alone",
            )

    @rule()
    def test_lengths_must_agree(self, subject: Metric, given: list[Shown]) -> None:
        """Pictures, prompts and targets that are not as many as each other are an error."""
        shown = given[0]
        error = trouble_of(
            lambda: subject.measure([shown.image] * 2, [shown.prompt], [shown.target] * 2)
        )
        if error is None:
            broken("two pictures with one prompt are measured without a word")


def _measure(metric: Metric, shown: Sequence[Shown]) -> list[Sample]:
    return metric.measure(
        [each.image for each in shown],
        [each.prompt for each in shown],
        [each.target for each in shown],
    )


def _finite(samples: Sequence[Sample]) -> list[tuple[int, Sample]]:
    """Return the samples that are numbers, numbered: that all of them are is another rule."""
    return [(n, sample) for n, sample in enumerate(samples) if math.isfinite(sample.value)]


def _slack(value: float) -> float:
    return SAME * max(1.0, abs(value))
