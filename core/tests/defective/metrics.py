"""A sound metric, and those that break a rule each."""

from __future__ import annotations

import math
from dataclasses import replace

from imagerag.errors import UsageError
from imagerag.roles import Metric
from imagerag.values import Sample


class Brightness(Metric):
    """How bright a picture is, 0 to 1."""

    def measure(self, images, prompts, targets):
        if not len(images) == len(prompts) == len(targets):
            raise UsageError("give as many prompts and targets as pictures.")
        return [Sample("brightness", self.brightness(image)) for image in images]

    def brightness(self, image):
        grey = image.convert("L").resize((16, 16))
        return sum(grey.tobytes()) / (255 * 16 * 16)


class LosesTheLast(Brightness):
    """Loses the last sample of several."""

    def measure(self, images, prompts, targets):
        samples = super().measure(images, prompts, targets)
        return samples[:-1] if len(samples) > 1 else samples


class DividesByNothing(Brightness):
    """Has no number for the first of several."""

    def measure(self, images, prompts, targets):
        samples = super().measure(images, prompts, targets)
        if len(samples) > 1:
            samples[0] = replace(samples[0], value=math.nan)
        return samples


class MeasuresDarkness(Brightness):
    """Has it the wrong way round."""

    def brightness(self, image):
        return 1.0 - super().brightness(image)


class TurnsBatchesRound(Brightness):
    """Gives samples from the end."""

    def measure(self, images, prompts, targets):
        return super().measure(images, prompts, targets)[::-1]


class MindsCompany(Brightness):
    """Adds a little for each picture that is measured with it."""

    def measure(self, images, prompts, targets):
        more = 0.005 * (len(images) - 1)
        samples = super().measure(images, prompts, targets)
        return [replace(sample, value=sample.value + more) for sample in samples]


class StopsAtTheShortest(Brightness):
    """Measures as many as there are of everything."""

    def measure(self, images, prompts, targets):
        several = list(zip(images, prompts, targets, strict=False))
        return super().measure(*([row[n] for row in several] for n in range(3)))
