"""An editor whose edits can be seen, planners that follow a script, a conditioner with words."""

import hashlib

from PIL import ImageDraw

from imagerag.errors import CapabilityError
from imagerag.roles import Conditioner, Critic
from imagerag.testing.doubles import SeededGenerator
from imagerag.values import (
    Capability,
    Comparison,
    Concept,
    Edits,
    Filtered,
    Guidance,
    Malformed,
    Matches,
    Missing,
    Refused,
    Truncated,
    Unavailable,
    Usage,
)

TROUBLE = {
    kind.__name__.lower(): kind for kind in (Refused, Filtered, Truncated, Malformed, Unavailable)
}


class PatchingEditor(SeededGenerator):
    """Paints noise without references; with one, returns it with a patch that tells of the edit.

    Place and colour of the patch follow from prompt and seed, so that edits add up visibly, and
    their order shows where patches overlap.
    """

    def __init__(self, config, context):
        super().__init__(config, context)
        self.calls: list[list[Guidance]] = []
        self.closed = 0

    def capability(self):
        config = self.config
        return Capability(
            frozenset(config.abilities),
            max_references=config.max_references,
            reference_syntax=config.syntax,
            steps=7,
            licence=config.licence,
            commercial=config.commercial,
            memory_gb=config.memory_gb,
        )

    def generate(self, guidances):
        self.calls.append(list(guidances))
        return [self._one(guidance) for guidance in guidances]

    def _one(self, guidance):
        if self.config.refuse and self.config.refuse in guidance.prompt:
            raise CapabilityError(f"no {self.config.refuse!r} can be painted.")
        if not guidance.references:
            return super().generate([guidance])[0]
        size = self._size(guidance)
        picture = guidance.references[0].image.resize(size)
        told = hashlib.sha256(f"{guidance.prompt} {guidance.seed}".encode()).digest()
        left, top = told[0] % (size[0] // 2), told[1] % (size[1] // 2)
        box = (left, top, left + size[0] // 2, top + size[1] // 2)
        ImageDraw.Draw(picture).rectangle(box, fill=tuple(told[2:5]))
        return picture

    def close(self):
        self.closed += 1

    def versions(self):
        return {"model": "patches 1"}


class Planner(Critic):
    """Answers from a list, and remembers what it was asked."""

    abilities = frozenset({"edits", "compare"})

    def __init__(self, config, context):
        super().__init__(config, context)
        self.calls = []
        self.compared = 0

    def review(self, image, prompt, *, temperature=0.0):
        raise AssertionError("a planner with the ability 'edits' is asked for edits")

    def edits(self, image, prompt, *, temperature=0.0):
        plans = self.config.plans
        answer = plans[min(len(self.calls), len(plans) - 1)]
        self.calls.append((image.tobytes(), prompt, temperature))
        self.context.spend(Usage(call="edits", outcome=answer or "none"))
        if answer in TROUBLE:
            return TROUBLE[answer](note=f"scripted {answer}")
        return Edits(tuple(part for part in answer.split("; ") if part), note="as scripted")

    def compare(self, prompt, a, b):
        verdict = self.config.better[min(self.compared, len(self.config.better) - 1)]
        self.compared += 1
        return Comparison(verdict)


class AwayPlanner(Planner):
    """A planner somewhere else."""

    remote = True


class Reviewer(Critic):
    """A critic that reviews, and can do nothing else."""

    abilities = frozenset()

    def review(self, image, prompt, *, temperature=0.0):
        found = tuple(Concept(name, caption) for name, caption in self.config.missing)
        return Missing(found) if found else Matches("all there")


class WordyConditioner(Conditioner):
    """Words before the prompt, for generators that take pictures in context."""

    needs = frozenset({"text", "in-context"})

    def condition(self, prompt, references, capability, *, seed, size=None):
        width, height = size or (None, None)
        text = f"{self.config.before}{prompt}"
        return Guidance(
            text, seed, tuple(references), width=width, height=height, options={"strength": 1}
        )
