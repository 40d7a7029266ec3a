"""Acme's components: they do what the loop must notice, and remember what they were given."""

from __future__ import annotations

from dataclasses import replace

from imagerag.roles import Conditioner, Reranker
from imagerag.testing.doubles import (
    HashingEncoder,
    PlainConditioner,
    ScriptedCritic,
    SeededGenerator,
)
from imagerag.values import Capability, Comparison, Concept, Facts, Matches, Missing


class WatchfulGenerator(SeededGenerator):
    """Remembers every guidance, and how many of its kind were built and closed."""

    built = 0
    closed = 0

    def __init__(self, config, context):
        super().__init__(config, context)
        type(self).built += 1
        self.guidances = []

    def generate(self, guidances):
        self.guidances.extend(guidances)
        return super().generate(guidances)

    def versions(self):
        return {"model": "acme-7"}

    def close(self):
        type(self).closed += 1


class AwayGenerator(WatchfulGenerator):
    """Data leaves the machine."""

    remote = True


class SlyGenerator(WatchfulGenerator):
    """Says so in its class and not in its offer."""

    remote = True


class WordsOnlyGenerator(SeededGenerator):
    """Takes no references."""

    def capability(self):
        return Capability(frozenset({"text"}))


class WatchfulCritic(ScriptedCritic):
    """Remembers the pictures it was shown, call by call."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.shown = []

    def review(self, image, prompt, *, temperature=0.0):
        self.shown.append(("review", image.tobytes()))
        return super().review(image, prompt, temperature=temperature)

    def compare(self, prompt, a, b):
        self.shown.append(("compare", a.tobytes(), b.tobytes()))
        super().compare(prompt, a, b)
        return Comparison(self.config.better, 0.25, 0.5)


class HostileCritic(ScriptedCritic):
    """Writes whatever it was told to write."""

    def __init__(self, config, context):
        super().__init__(config, context)

    def review(self, image, prompt, *, temperature=0.0):
        pairs = zip(self.config.names, self.config.captions, strict=True)
        concepts = tuple(Concept(name, caption) for name, caption in pairs)
        note = " ".join(self.config.names)
        return Matches(note, concepts) if self.config.matches else Missing(concepts, concepts, note)

    def compare(self, prompt, a, b):
        return Comparison("b")


class MuteCritic(ScriptedCritic):
    """Can neither plan nor compare."""

    abilities = frozenset()


class GreedyConditioner(Conditioner):
    """Needs what few generators have."""

    needs = frozenset({"text", "mask"})

    def condition(self, prompt, references, capability, *, seed, size=None):
        raise AssertionError("must not be called")


class AwayConditioner(PlainConditioner):
    """Remembers the references that left the machine."""

    remote = True

    def __init__(self, config, context):
        super().__init__(config, context)
        self.sent = []

    def condition(self, prompt, references, capability, *, seed, size=None):
        self.sent.extend(reference.digest for reference in references)
        return super().condition(prompt, references, capability, seed=seed, size=size)


class AwayCritic(ScriptedCritic):
    """Says what it costs."""

    remote = True

    def facts(self):
        return Facts(model="away-1", usd_per_picture=0.25)


class CircularCritic(ScriptedCritic):
    """Asks for the encoder, which asks for it."""

    def __init__(self, config, context):
        super().__init__(config, context)
        context.component("encoder")


class CircularEncoder(HashingEncoder):
    """Asks for the critic, which asks for it."""

    def __init__(self, config, context):
        super().__init__(config, context)
        context.component("critic")


class UnbuildableEncoder(HashingEncoder):
    """Cannot be built."""

    def __init__(self, config, context):
        raise OSError("no such device")


class AwayEncoder(HashingEncoder):
    """Remembers the texts that left the machine."""

    remote = True

    def __init__(self, config, context):
        super().__init__(config, context)
        self.sent = []

    def encode_texts(self, texts):
        self.sent.extend(texts)
        return super().encode_texts(texts)


class ReverseReranker(Reranker):
    """The last first, with scores of its own."""

    def rerank(self, query, hits):
        return [replace(hit, score=99.0) for hit in reversed(hits)]


class InventiveReranker(Reranker):
    """Puts in an item that nobody retrieved."""

    def rerank(self, query, hits):
        return [replace(hits[0], item=replace(hits[0].item, id="0" * 64)), *hits[1:]]
