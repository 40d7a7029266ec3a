"""The defective components, offered like any plugin's, and a sound one of each role."""

from __future__ import annotations

from defective.table import CONFIGS, DEFECTS, SOUND
from imagerag.hooks import Offer, hookimpl


def _offers(role):
    sound = Offer("sound", "breaks no rule", SOUND[role], CONFIGS[role])
    return [
        sound,
        *(
            Offer(each.name, f"breaks {each.rule}", each.target, each.config_target)
            for each in DEFECTS
            if each.role == role
        ),
    ]


@hookimpl
def imagerag_generators():
    target = "defective.generators:Unseedable"
    unseedable = Offer("unseedable", "another picture each time", target, CONFIGS["generator"])
    return [*_offers("generator"), unseedable]


@hookimpl
def imagerag_critics():
    return _offers("critic")


@hookimpl
def imagerag_encoders():
    return _offers("encoder")


@hookimpl
def imagerag_retrievers():
    return _offers("retriever")


@hookimpl
def imagerag_rerankers():
    return _offers("reranker")


@hookimpl
def imagerag_conditioners():
    return _offers("conditioner")


@hookimpl
def imagerag_metrics():
    return _offers("metric")


@hookimpl
def imagerag_sources():
    return _offers("source")
