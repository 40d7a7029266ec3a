"""The doubles, offered like any plugin's components."""

from __future__ import annotations

from imagerag.hooks import Offer, hookimpl

_CONFIG = "imagerag.testing.config"
_DOUBLES = "imagerag.testing.doubles"


def _offer(name: str, summary: str, target: str, config: str) -> Offer:
    return Offer(name, summary, f"{_DOUBLES}:{target}", f"{_CONFIG}:{config}")


@hookimpl
def imagerag_generators() -> list[Offer]:
    """Offer generators without a model."""
    return [
        _offer("null", "one grey picture, at once", "NullGenerator", "SizeConfig"),
        _offer("seeded", "noise that depends on all it is given", "SeededGenerator", "SizeConfig"),
    ]


@hookimpl
def imagerag_conditioners() -> list[Offer]:
    """Offer the plainest conditioning."""
    return [_offer("plain", "the prompt as it is", "PlainConditioner", "PlainConfig")]


@hookimpl
def imagerag_critics() -> list[Offer]:
    """Offer a critic that says what it was told to say."""
    return [_offer("scripted", "answers from a list", "ScriptedCritic", "ScriptedConfig")]


@hookimpl
def imagerag_encoders() -> list[Offer]:
    """Offer an encoder without a model."""
    return [_offer("hashing", "vectors from hashed words", "HashingEncoder", "HashingConfig")]


@hookimpl
def imagerag_retrievers() -> list[Offer]:
    """Offer a retriever that keeps everything in memory."""
    return [_offer("memory", "brute force in memory", "MemoryRetriever", "MemoryConfig")]
