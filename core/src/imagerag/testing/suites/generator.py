"""What generators are held to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, get_args

import pytest

from imagerag.errors import CapabilityError
from imagerag.testing.suites.easel import BY_REFERENCE
from imagerag.testing.suites.painting_rules import PaintingRules
from imagerag.testing.suites.pictures import pixels
from imagerag.testing.suites.ruling import rule
from imagerag.testing.suites.suite import ComponentSuite
from imagerag.testing.suites.verdict import broken, refused, require
from imagerag.values import Ability, Capability, Guidance

if TYPE_CHECKING:
    from imagerag.roles import Generator
    from imagerag.testing.suites.workshop import Workshop

UNKNOWN = "no such option of anybody"


class GeneratorSuite(PaintingRules, ComponentSuite):
    """Holds a generator to its role.

    Choose options that make it quick: few steps, small pictures. `size` is the size of what the
    rules have it paint, its own default where None.
    """

    role = "generator"

    @pytest.fixture(scope="class")
    @classmethod
    def capability(cls, subject: Generator) -> Capability:
        """What the generator declares."""
        return subject.capability()

    @pytest.fixture(scope="class")
    @classmethod
    def given(cls, capability: Capability) -> list[Guidance]:
        """What it is exercised with: one guidance, with a reference where it takes any."""
        return [cls.guidance(capability, references=cls.one(capability))]

    def exercise(self, subject: Any, given: Any) -> Any:
        """Paint; a picture without a seed is known by its size alone."""
        seeded = subject.capability().seeded
        return [pixels(each) if seeded else each.size for each in subject.generate(given)]

    def refusals(self, subject: Any, workshop: Workshop) -> Iterable[tuple[str, Callable[[], Any]]]:
        """More references than fit, and an option of nobody's."""
        capability = subject.capability()
        many = self._too_many(capability)
        strange = self.guidance(capability, options={UNKNOWN: 1})
        yield f"{len(many.references)} references", lambda: subject.generate([many])
        yield f"the option {UNKNOWN!r}", lambda: subject.generate([strange])

    @rule()
    def test_the_capability_is_sound(self, subject: Generator) -> None:
        """What capability() declares goes together, and is the same whenever it is asked."""
        have = subject.capability()
        require(isinstance(have, Capability), f"capability() is {have!r}")
        unknown = have.abilities - set(get_args(Ability))
        require(bool(have.abilities) and not unknown, f"unknown abilities: {sorted(unknown)}")
        most, recommended = have.max_references, have.recommended_references
        require(0 <= recommended <= most, f"{recommended} references recommended, {most} at most")
        takes = bool(have.abilities & BY_REFERENCE)
        require(
            takes == (most > 0),
            f"at most {most} references, and the abilities {sorted(have.abilities)}",
        )
        if have.reference_syntax:
            places = {have.reference_syntax.format(k=k) for k in range(1, max(2, most) + 1)}
            require(len(places) == max(2, most), "the reference syntax does not number by {k}")
        require(
            all(width > 0 and height > 0 for width, height in have.sizes), f"sizes: {have.sizes}"
        )
        require(subject.capability() == have, "capability() changes from one call to the next")

    @rule()
    def test_one_picture_each(self, subject: Generator, capability: Capability) -> None:
        """There are as many pictures as guidances: three, one, or none."""
        for count in (3, 1, 0):
            guidances = [self.guidance(capability, number) for number in range(count)]
            painted = len(subject.generate(guidances))
            require(painted == count, f"{painted} pictures for {count} guidances")

    @rule()
    def test_pictures_are_rgb(self, subject: Generator, capability: Capability) -> None:
        """Pictures are `PIL.Image.Image` objects in RGB."""
        from PIL.Image import Image

        [painted] = subject.generate([self.guidance(capability)])
        require(isinstance(painted, Image), f"a picture is a {type(painted).__name__}")
        require(painted.mode == "RGB", f"a picture is in mode {painted.mode!r}")

    @rule()
    def test_sizes_are_honoured(self, subject: Generator, capability: Capability) -> None:
        """A declared size is painted; any other one is painted or refused, never replaced.

        Of the declared sizes the smallest is tried: the larger ones take long on a processor.
        """
        own = subject.generate([self.guidance(capability)])[0].size
        declared = sorted(capability.sizes, key=lambda size: size[0] * size[1])[:1]
        narrow = (max(8, own[0] // 2), own[1])
        for size in (*declared, narrow):
            guidance = self.guidance(capability, size=size)
            try:
                [painted] = subject.generate([guidance])
            except CapabilityError as error:
                require(size not in capability.sizes, f"the declared size {size}: {error}")
                continue
            require(painted.size == size, f"{size} was asked for, and {painted.size} was painted")

    @rule()
    def test_references_beyond_the_capability_are_refused(
        self, subject: Generator, capability: Capability
    ) -> None:
        """More references than declared, be it one where none are taken, raise CapabilityError."""
        many = self._too_many(capability)
        asked = f"{len(many.references)} references, where at most {capability.max_references} fit,"
        refused(lambda: subject.generate([many]), asked)

    @rule()
    def test_options_of_nobody_are_refused(
        self, subject: Generator, capability: Capability
    ) -> None:
        """An option of a guidance that it does not know raises CapabilityError, or has an effect.

        It comes from a conditioner for another generator, and would be lost without a word.
        """
        strange = self.guidance(capability, options={UNKNOWN: 1})
        try:
            [painted] = subject.generate([strange])
        except CapabilityError:
            return
        except Exception as error:
            broken(f"the option {UNKNOWN!r} raises {type(error).__name__}, not CapabilityError")
        if capability.seeded and pixels(painted) != self.painted(subject, capability):
            return
        broken(f"the option {UNKNOWN!r} is ignored, and is to raise CapabilityError")

    def _too_many(self, capability: Capability) -> Guidance:
        return self.guidance(capability, references=range(1, capability.max_references + 2))
