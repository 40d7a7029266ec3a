"""A sound conditioner for references in context, and those that break a rule each."""

from __future__ import annotations

from dataclasses import replace

from imagerag.errors import CapabilityError
from imagerag.roles import Conditioner
from imagerag.text import clean
from imagerag.values import Guidance


class InContext(Conditioner):
    """Names each reference in the prompt by the generator's own syntax."""

    needs = frozenset({"text", "in-context"})

    def condition(self, prompt, references, capability, *, seed, size=None):
        if len(references) > capability.max_references:
            raise CapabilityError(f"{len(references)} references are too many: give fewer.")
        width, height = size or (None, None)
        named = [
            f"{self.caption(reference)} is {capability.reference_syntax.format(k=k)}"
            for k, reference in enumerate(references, start=1)
        ]
        final = ". ".join([*named, self.prompt(prompt)])
        return Guidance(final, seed, tuple(references), width=width, height=height)

    def caption(self, reference):
        return clean(reference.caption)

    def prompt(self, prompt):
        return prompt


class NeedsTheUnheardOf(InContext):
    """Needs an ability that no generator can have."""

    needs = frozenset({"text", "in-context", "telepathy"})


class NeedsMoreThanItSays(InContext):
    """Asks for masks where it works, and not where it says what it needs."""

    def condition(self, prompt, references, capability, *, seed, size=None):
        if "mask" not in capability.abilities:
            raise CapabilityError("it needs masks: choose another generator.")
        return super().condition(prompt, references, capability, seed=seed, size=size)


class Shortens(InContext):
    """Keeps the first two words of a prompt."""

    def prompt(self, prompt):
        return " ".join(prompt.split()[:2])


class AlwaysNamesOne(InContext):
    """Names a first image where there is none."""

    def condition(self, prompt, references, capability, *, seed, size=None):
        made = super().condition(prompt, references, capability, seed=seed, size=size)
        if references:
            return made
        return replace(made, prompt=f"{made.prompt} {capability.reference_syntax.format(k=1)}")


class KeepsTwo(InContext):
    """Keeps the first two references."""

    def condition(self, prompt, references, capability, *, seed, size=None):
        made = super().condition(prompt, references, capability, seed=seed, size=size)
        return replace(made, references=made.references[:2])


class CutsSilently(InContext):
    """Takes as many references as fit, and says nothing of the others."""

    def condition(self, prompt, references, capability, *, seed, size=None):
        fitting = references[: capability.max_references]
        return super().condition(prompt, fitting, capability, seed=seed, size=size)


class ForgetsTheSize(InContext):
    """Does not hand the size on."""

    def condition(self, prompt, references, capability, *, seed, size=None):
        return super().condition(prompt, references, capability, seed=seed)


class TrustsCaptions(InContext):
    """Puts captions into the prompt as they are."""

    def caption(self, reference):
        return reference.caption


class HandsOverTuples(InContext):
    """Gives an option that is no JSON value."""

    def condition(self, prompt, references, capability, *, seed, size=None):
        made = super().condition(prompt, references, capability, seed=seed, size=size)
        return replace(made, options={"box": (0.0, 0.0, 1.0, 1.0)})
