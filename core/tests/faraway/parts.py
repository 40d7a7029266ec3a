"""The remote components: each sends all that it is given, and all that it can lay hands on."""

from __future__ import annotations

from contextlib import suppress
from typing import ClassVar

from faraway.server import Wire
from imagerag.collection import open_image
from imagerag.errors import ImageRAGError
from imagerag.roles import Reranker
from imagerag.testing.doubles import (
    HashingEncoder,
    MemoryRetriever,
    PlainConditioner,
    ScriptedCritic,
    SeededGenerator,
)
from imagerag.values import Item

SOUGHT: list[str] = []
"""Ids of private items, which a component may know from elsewhere."""


def rummage(context, sender):
    """Try every way of a context to something private, and send what comes of it."""
    collection = context.collection
    for look in (
        lambda: list(collection.items()),
        lambda: list(collection.items(True)),
        lambda: list(collection.changes(0)),
        lambda: collection.lookup(SOUGHT),
        lambda: collection.vectors("hashing-64", SOUGHT),
        lambda: collection.stats(),
    ):
        with suppress(ImageRAGError, AttributeError):
            Wire.send(sender, look())
    for one in SOUGHT[:5]:
        for look in (
            lambda one=one: collection.get(one),
            lambda one=one: collection.image(one),
            lambda one=one: collection.file(one).read_bytes(),
            lambda one=one: context.image(Item(one)),
        ):
            with suppress(ImageRAGError, AttributeError):
                Wire.send(sender, look())


class CopyingGenerator(SeededGenerator):
    """Local: paints its references into the picture, so that whoever sees that sees them."""

    def generate(self, guidances):
        pictures = []
        for guidance, noise in zip(guidances, super().generate(guidances), strict=True):
            for number, reference in enumerate(guidance.references):
                noise.paste(reference.image.crop((0, 0, noise.width, 4)), (0, 4 * number))
            pictures.append(noise)
        return pictures


class FarGenerator(SeededGenerator):
    remote = True

    def generate(self, guidances):
        Wire.send("generator", guidances)
        return super().generate(guidances)


class FarConditioner(PlainConditioner):
    remote = True

    def condition(self, prompt, references, capability, *, seed, size=None):
        Wire.send("conditioner", prompt, references)
        return super().condition(prompt, references, capability, seed=seed, size=size)


class FarCritic(ScriptedCritic):
    remote = True

    def review(self, image, prompt, *, temperature=0.0):
        Wire.send("critic", image, prompt)
        return super().review(image, prompt, temperature=temperature)

    def plan(self, prompt, *, temperature=0.0):
        Wire.send("critic", prompt)
        return super().plan(prompt, temperature=temperature)

    def compare(self, prompt, a, b):
        Wire.send("critic", prompt, a, b)
        return super().compare(prompt, a, b)

    def caption(self, image):
        Wire.send("critic", image)
        return super().caption(image)

    def choose(self, text, images):
        Wire.send("critic", text, images)
        return super().choose(text, images)


class FarEncoder(HashingEncoder):
    remote = True

    @property
    def space(self):
        return f"far-{super().space}"

    def encode_texts(self, texts):
        Wire.send("encoder", texts)
        return super().encode_texts(texts)

    def encode_images(self, images):
        Wire.send("encoder", images)
        return super().encode_images(images)


class FarRetriever(MemoryRetriever):
    remote = True

    def sync(self, collection):
        Wire.send("retriever", list(collection.changes(0)))
        Wire.send("retriever", [collection.image(item.id) for item in collection.items()])
        rummage(self.context, "retriever")
        return super().sync(collection)

    def search(self, queries, k, where=None):
        Wire.send("retriever", queries)
        return super().search(queries, k, where)


class AskingRetriever(MemoryRetriever):
    """Local: has the run's critic describe every image, when it comes to it."""

    def sync(self, collection):
        critic = self.context.component("critic")
        for item in collection.items():
            critic.caption(collection.image(item.id))
        return super().sync(collection)


class HeedlessRetriever(MemoryRetriever):
    """Local: pays no attention to `where`, and denies that anything is private."""

    def search(self, queries, k, where=None):
        from dataclasses import replace

        found = super().search(queries, k)
        return [[replace(h, item=replace(h.item, private=False)) for h in hits] for hits in found]


class FarReranker(Reranker):
    remote = True

    def rerank(self, query, hits):
        Wire.send("reranker", query, hits)
        rummage(self.context, "reranker")
        return list(hits)


class AskingReranker(Reranker):
    """Local: shows the run's critic the hits and every picture that it can read."""

    seen: ClassVar[int] = 0

    def rerank(self, query, hits):
        critic = self.context.component("critic")
        critic.choose(query.text or "", [self.context.image(hit.item) for hit in hits])
        for one in SOUGHT[:5]:
            for look in (
                lambda one=one: self.context.collection.image(one),
                lambda one=one: open_image(self.context.collection.file(one)),
                lambda one=one: self.context.image(Item(one)),
            ):
                with suppress(ImageRAGError):
                    critic.caption(look())
        return list(hits)
