"""What acme offers."""

from __future__ import annotations

from imagerag.hooks import Command, Offer, Preset, hookimpl

_PARTS, _CONFIG = "acme_imagerag.parts", "acme_imagerag.config"


def _offer(name: str, target: str, config: str, remote: bool = False) -> Offer:
    return Offer(name, f"{name} of acme", f"{_PARTS}:{target}", f"{_CONFIG}:{config}", remote)


@hookimpl
def imagerag_generators():
    return [
        _offer("watchful", "WatchfulGenerator", "PaintConfig"),
        _offer("away", "AwayGenerator", "PaintConfig", remote=True),
        _offer("sly", "SlyGenerator", "PaintConfig"),
        _offer("words-only", "WordsOnlyGenerator", "PaintConfig"),
    ]


@hookimpl
def imagerag_critics():
    return [
        _offer("watchful", "WatchfulCritic", "CriticConfig"),
        _offer("hostile", "HostileCritic", "HostileConfig"),
        _offer("mute", "MuteCritic", "CriticConfig"),
        _offer("circular", "CircularCritic", "CriticConfig"),
        _offer("away", "AwayCritic", "CriticConfig", remote=True),
    ]


@hookimpl
def imagerag_conditioners():
    return [
        _offer("greedy", "GreedyConditioner", "NoConfig"),
        _offer("away", "AwayConditioner", "NoConfig", remote=True),
    ]


@hookimpl
def imagerag_encoders():
    return [
        _offer("circular", "CircularEncoder", "NoConfig"),
        Offer(
            "away",
            "a remote encoder",
            f"{_PARTS}:AwayEncoder",
            "imagerag.testing.config:HashingConfig",
            remote=True,
            keys=("ACME_KEY",),
        ),
        Offer("unbuildable", "raises", f"{_PARTS}:UnbuildableEncoder", f"{_CONFIG}:NoConfig"),
    ]


@hookimpl
def imagerag_rerankers():
    return [
        _offer("reverse", "ReverseReranker", "NoConfig"),
        _offer("inventive", "InventiveReranker", "NoConfig"),
    ]


@hookimpl
def imagerag_presets():
    return [Preset("acme", "the doubles, on acme's pictures", "acme_imagerag:acme.toml")]


@hookimpl
def imagerag_commands():
    return [
        Command("nap", "sleep until interrupted", "acme_imagerag.commands:nap"),
        Command("spill", "write many lines", "acme_imagerag.commands:spill"),
        Command("crash", "raise an error", "acme_imagerag.commands:crash"),
    ]
