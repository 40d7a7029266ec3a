"""Rules about what a generator paints: what a picture depends on, and what it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from imagerag.roles import Role
from imagerag.testing.suites.easel import LARGEST_SEED, OTHER_SEED, PROMPTS, SEED, Easel
from imagerag.testing.suites.pictures import distance, pixels
from imagerag.testing.suites.ruling import rule
from imagerag.testing.suites.verdict import broken, require, unjudged

if TYPE_CHECKING:
    from imagerag.roles import Generator
    from imagerag.testing.suites.workshop import Workshop
    from imagerag.values import Capability


class PaintingRules(Easel):
    """Rules that compare pictures with each other, to the pixel."""

    role: ClassVar[Role] = "generator"

    @rule()
    def test_same_seed_same_picture(
        self, subject: Generator, workshop: Workshop, capability: Capability
    ) -> None:
        """The same guidance gives the same pixels: again, and by a generator made anew."""
        self.seeded(capability)
        guidance = self.guidance(capability, references=self.one(capability))
        first, again = (pixels(subject.generate([guidance])[0]) for _ in range(2))
        require(first == again, "the same guidance gives another picture the second time")
        anew = pixels(workshop.build().generate([guidance])[0])
        require(first == anew, "a generator made anew gives another picture")

    @rule()
    def test_other_seed_other_picture(self, subject: Generator, capability: Capability) -> None:
        """Another seed gives another picture."""
        self.steady(subject, capability)
        one, other = (self.painted(subject, capability, seed=s) for s in (SEED, OTHER_SEED))
        require(one != other, f"the seeds {SEED} and {OTHER_SEED} give the same picture")

    @rule()
    def test_every_seed_works(self, subject: Generator, capability: Capability) -> None:
        """Seeds from 0 to 2**63 - 1 are taken, as the configuration promises."""
        for seed in (0, LARGEST_SEED):
            try:
                subject.generate([self.guidance(capability, seed=seed)])
            except Exception as error:
                broken(f"the seed {seed} raises {type(error).__name__}: {error}")

    @rule()
    def test_another_prompt_another_picture(
        self, subject: Generator, capability: Capability
    ) -> None:
        """What the prompt says has a part in the picture."""
        self.steady(subject, capability)
        one, other = (self.painted(subject, capability, prompt=number) for number in (0, 1))
        require(one != other, f"{PROMPTS[0]!r} and {PROMPTS[1]!r} give the same picture")

    @rule()
    def test_order_is_kept(self, subject: Generator, capability: Capability) -> None:
        """Pictures of a batch come in the order of their guidances."""
        guidances = self.three(capability)
        self.steady(subject, capability)
        alone = [subject.generate([guidance])[0] for guidance in guidances]
        if len({pixels(each) for each in alone}) < len(alone):
            unjudged("its pictures of different guidances are alike")
        for number, painted in enumerate(subject.generate(guidances)):
            nearest = min(range(len(alone)), key=lambda other: distance(painted, alone[other]))
            require(nearest == number, f"picture {number} of a batch is that of guidance {nearest}")

    @rule()
    def test_company_makes_no_difference(self, subject: Generator, capability: Capability) -> None:
        """A picture is the same, to the pixel, whatever else is in its batch."""
        guidances = self.three(capability)
        self.steady(subject, capability)
        alone = [subject.generate([guidance])[0] for guidance in guidances]
        known = {pixels(each) for each in alone}
        for number, painted in enumerate(subject.generate(guidances)):
            if pixels(painted) not in known:
                off = min(distance(painted, each) for each in alone)
                broken(
                    f"picture {number} of a batch of {len(guidances)} differs from the one painted "
                    f"alone, by {off:.3f} of 255 in the mean"
                )

    @rule()
    def test_a_reference_matters(self, subject: Generator, capability: Capability) -> None:
        """A reference has a part in the picture: another one, or none, gives another picture."""
        self.takes(capability, 1)
        self.steady(subject, capability)
        one, other = (self.painted(subject, capability, references=[number]) for number in (1, 2))
        require(one != other, "two different references give the same picture")
        if "text" in capability.abilities:
            none = self.painted(subject, capability)
            require(one != none, "a reference gives the same picture as none")

    @rule()
    def test_each_reference_matters(self, subject: Generator, capability: Capability) -> None:
        """A second reference has a part in the picture, too."""
        self.takes(capability, 2)
        self.steady(subject, capability)
        one, other = (
            self.painted(subject, capability, references=[1, second]) for second in (2, 3)
        )
        require(one != other, "another second reference gives the same picture")
