"""Critics that break a rule each."""

from __future__ import annotations

from contextlib import suppress

from imagerag.testing.doubles import ScriptedCritic
from imagerag.values import Concept, Missing


class DrawsOnThePicture(ScriptedCritic):
    """Marks the picture that it was shown."""

    def review(self, image, prompt, *, temperature=0.0):
        with suppress(OSError):
            red, *others = image.getpixel((0, 0))
            image.putpixel((0, 0), ((red + 1) % 256, *others))
        return super().review(image, prompt, temperature=temperature)


class MumblesWhenHot(ScriptedCritic):
    """Gives bare text at a temperature."""

    def review(self, image, prompt, *, temperature=0.0):
        answer = super().review(image, prompt, temperature=temperature)
        return str(answer) if temperature else answer


class ScoresInPercent(ScriptedCritic):
    """Gives scores from 0 to 100."""

    def review(self, image, prompt, *, temperature=0.0):
        return Missing((Concept("hedgehog", "a photo of a hedgehog", 87.0),))


class FormatsPrompts(ScriptedCritic):
    """Puts the prompt into a template twice."""

    def review(self, image, prompt, *, temperature=0.0):
        question = ("Does the picture show " + prompt + "? Answer {form}.").format(form="JSON")
        return super().review(image, question, temperature=temperature)


class TrustsPictures(ScriptedCritic):
    """Reads a picture without expecting trouble."""

    def review(self, image, prompt, *, temperature=0.0):
        image.load()
        return super().review(image, prompt, temperature=temperature)


class CaptionsNothing(ScriptedCritic):
    """Declares that it captions, and gives an empty text."""

    def caption(self, image):
        return ""


class CaptionsSecretly(ScriptedCritic):
    """Captions, and does not declare it."""

    abilities = ScriptedCritic.abilities - {"caption"}
