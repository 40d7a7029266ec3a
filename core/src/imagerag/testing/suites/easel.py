"""The easel: guidance for the generator under test, and what it paints of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from imagerag.testing.suites.pictures import picture, pixels
from imagerag.testing.suites.verdict import unjudged
from imagerag.values import Ability, Capability, Guidance, Reference

if TYPE_CHECKING:
    from imagerag.roles import Generator

PROMPTS = (
    "a red square on a white table",
    "a hedgehog under a blue umbrella",
    "three green bottles in front of a yellow wall",
)
SEED, OTHER_SEED = 7, 8
LARGEST_SEED = 2**63 - 1

BY_REFERENCE: frozenset[Ability] = frozenset({"image-prompt", "in-context", "edit"})
"""Abilities with which references enter."""

Pixels: TypeAlias = tuple[tuple[int, int], bytes]


class Easel:
    """Has a generator paint. `size` is that of the pictures, the generator's own where None."""

    size: ClassVar[tuple[int, int] | None] = None

    @classmethod
    def guidance(
        cls,
        capability: Capability,
        prompt: int = 0,
        seed: int = SEED,
        references: Sequence[int] = (),
        size: tuple[int, int] | None = None,
        **more: Any,
    ) -> Guidance:
        """Return guidance in the generator's own reference syntax; references by number.

        A generator that paints nothing from words alone is given a reference in any case.
        """
        numbers = tuple(references) or (() if "text" in capability.abilities else (1,))
        shown = tuple(
            Reference(picture(number), f"picture {number}", digest=f"{number:064x}")
            for number in numbers
        )
        syntax = capability.reference_syntax
        places = [syntax.format(k=k) for k in range(1, len(shown) + 1)] if syntax else []
        width, height = size or cls.size or (None, None)
        return Guidance(
            " ".join([PROMPTS[prompt], *places]),
            seed,
            shown,
            width=width,
            height=height,
            **more,
        )

    @classmethod
    def three(cls, capability: Capability) -> list[Guidance]:
        """Return guidances that differ in prompt and seed, the middle one with a reference."""
        return [
            cls.guidance(
                capability, number, SEED + number, cls.one(capability) if number == 1 else ()
            )
            for number in range(3)
        ]

    @staticmethod
    def one(capability: Capability) -> list[int]:
        """Return the number of one reference, where any is taken."""
        return [1] if capability.max_references else []

    @classmethod
    def painted(cls, subject: Generator, capability: Capability, **how: Any) -> Pixels:
        """Return the pixels of one picture; what is given are the arguments of `guidance`."""
        return pixels(subject.generate([cls.guidance(capability, **how)])[0])

    @staticmethod
    def takes(capability: Capability, least: int) -> None:
        """Go on only where that many references are taken."""
        if capability.max_references < least or not capability.abilities & BY_REFERENCE:
            unjudged(f"it takes at most {capability.max_references} references")

    @staticmethod
    def seeded(capability: Capability) -> None:
        """Go on only where a seed decides what is painted."""
        if not capability.seeded:
            unjudged("it declares seeded=False: no seed decides what it paints")

    @classmethod
    def steady(cls, subject: Generator, capability: Capability) -> None:
        """Go on only where the same guidance gives the same picture.

        Else a difference between two pictures tells nothing.
        """
        cls.seeded(capability)
        if cls.painted(subject, capability) != cls.painted(subject, capability):
            unjudged("the same guidance does not give the same picture")
