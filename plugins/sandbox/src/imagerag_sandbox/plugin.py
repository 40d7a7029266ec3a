"""What the sandbox offers: its preset, its commands, and a judge that nothing else uses."""

from __future__ import annotations

from imagerag.hooks import Command, Offer, Preset, hookimpl


@hookimpl
def imagerag_presets() -> list[Preset]:
    """Offer the preset of the shipped models."""
    return [
        Preset(
            "sandbox",
            "Small models that ship with imagerag: no GPU, key or network (the default)",
            "imagerag_sandbox:presets/sandbox.toml",
        )
    ]


@hookimpl
def imagerag_commands() -> list[Command]:
    """Offer the demonstration and the measurements."""
    return [
        Command("demo", "see the method work, on models that ship with it", _cli("demo")),
        Command("sandbox", "measure the method in the sandbox", _cli("sandbox")),
    ]


@hookimpl
def imagerag_metrics() -> list[Offer]:
    """Offer the independent judge."""
    return [
        Offer(
            "sandbox-judge",
            "The sandbox's independent classifier: probability of the target concept",
            target="imagerag_sandbox.judge_metric:JudgeMetric",
            config="imagerag_sandbox.config:JudgeConfig",
            needs=("torch",),
        )
    ]


def _cli(function: str) -> str:
    return f"imagerag_sandbox.cli:{function}"
