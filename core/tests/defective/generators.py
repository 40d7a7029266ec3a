"""Generators that break a rule of their role each."""

from __future__ import annotations

import itertools
from dataclasses import replace

from imagerag.errors import CapabilityError
from imagerag.testing.doubles import SeededGenerator


class RecommendsTooMany(SeededGenerator):
    """Recommends more references than it takes."""

    def capability(self):
        most = self.config.max_references
        return replace(super().capability(), recommended_references=most + 1)


class LosesTheLast(SeededGenerator):
    """Loses the last picture of a full batch."""

    def generate(self, guidances):
        painted = super().generate(guidances)
        return painted[:2] if len(painted) == 3 else painted


class PaintsAlpha(SeededGenerator):
    """Gives pictures with an alpha channel."""

    def generate(self, guidances):
        return [painted.convert("RGBA") for painted in super().generate(guidances)]


class PaintsItsOwnSize(SeededGenerator):
    """Paints its own size whatever is asked for."""

    def generate(self, guidances):
        return super().generate([replace(g, width=None, height=None) for g in guidances])


class HasMoods(SeededGenerator):
    """Paints something else each time it is made."""

    _made = itertools.count()

    def __init__(self, config, context):
        super().__init__(config, context)
        self._mood = f" {next(self._made)}"

    def generate(self, guidances):
        return super().generate([replace(g, prompt=g.prompt + self._mood) for g in guidances])


class IgnoresSeeds(SeededGenerator):
    """Paints every guidance with one seed."""

    def generate(self, guidances):
        return super().generate([replace(g, seed=0) for g in guidances])


class CountsTo32Bits(SeededGenerator):
    """Takes seeds as its library does: in 32 bits."""

    def generate(self, guidances):
        for guidance in guidances:
            guidance.seed.to_bytes(4, "little")
        return super().generate(guidances)


class IgnoresPrompts(SeededGenerator):
    """Paints without reading the prompt."""

    def generate(self, guidances):
        return super().generate([replace(g, prompt="") for g in guidances])


class TurnsBatchesRound(SeededGenerator):
    """Gives a batch from its end."""

    def generate(self, guidances):
        return super().generate(guidances)[::-1]


class MindsCompany(SeededGenerator):
    """Lets the size of a batch show in a pixel."""

    def generate(self, guidances):
        painted = super().generate(guidances)
        if len(painted) > 1:
            for each in painted:
                each.putpixel((0, 0), (len(painted), 0, 0))
        return painted


class SkipsTheFirst(SeededGenerator):
    """Looks at the references from the second on."""

    def generate(self, guidances):
        super().generate(guidances)  # it refuses what it must
        return super().generate([replace(g, references=g.references[1:]) for g in guidances])


class SeesTheFirstAlone(SeededGenerator):
    """Looks at the first reference alone."""

    def generate(self, guidances):
        super().generate(guidances)
        return super().generate([replace(g, references=g.references[:1]) for g in guidances])


class CutsSilently(SeededGenerator):
    """Drops references that do not fit."""

    def generate(self, guidances):
        most = self.config.max_references
        return super().generate([replace(g, references=g.references[:most]) for g in guidances])


class IgnoresOptions(SeededGenerator):
    """Paints without the options of a guidance."""

    def generate(self, guidances):
        return super().generate([replace(g, options={}) for g in guidances])


class Unseedable(SeededGenerator):
    """Paints something else each time, and says so: no defect, and most rules cannot be judged."""

    _calls = itertools.count()

    def capability(self):
        return replace(super().capability(), seeded=False)

    def generate(self, guidances):
        if any(guidance.options for guidance in guidances):
            raise CapabilityError("it has no options in guidance: leave them out.")
        numbered = [replace(g, seed=g.seed + next(self._calls)) for g in guidances]
        return super().generate(numbered)
