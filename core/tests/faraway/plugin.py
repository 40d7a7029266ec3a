"""What is offered: one remote component of each role, and local ones that would pass things on."""

from __future__ import annotations

from imagerag.hooks import Offer, hookimpl

_PARTS, _DOUBLES = "faraway.parts", "imagerag.testing.config"


def _offer(name: str, target: str, config: str) -> Offer:
    # Not even the offers say that they are remote: the classes do.
    return Offer(name, name, f"{_PARTS}:{target}", f"{_DOUBLES}:{config}")


@hookimpl
def imagerag_generators():
    return [
        _offer("far-generator", "FarGenerator", "SizeConfig"),
        _offer("copying", "CopyingGenerator", "SizeConfig"),
    ]


@hookimpl
def imagerag_critics():
    return [_offer("far-critic", "FarCritic", "ScriptedConfig")]


@hookimpl
def imagerag_encoders():
    return [_offer("far-encoder", "FarEncoder", "HashingConfig")]


@hookimpl
def imagerag_conditioners():
    return [_offer("far-conditioner", "FarConditioner", "PlainConfig")]


@hookimpl
def imagerag_retrievers():
    return [
        _offer("far-retriever", "FarRetriever", "MemoryConfig"),
        _offer("asking", "AskingRetriever", "MemoryConfig"),
        _offer("heedless", "HeedlessRetriever", "MemoryConfig"),
    ]


@hookimpl
def imagerag_rerankers():
    return [
        _offer("far-reranker", "FarReranker", "PlainConfig"),
        _offer("asking", "AskingReranker", "PlainConfig"),
    ]
