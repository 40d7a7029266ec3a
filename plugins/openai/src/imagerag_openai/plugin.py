"""What this distribution offers to imagerag."""

from __future__ import annotations

from imagerag.hooks import Offer, Preset, hookimpl


@hookimpl
def imagerag_critics() -> list[Offer]:
    """Offer the critic."""
    return [
        Offer(
            name="openai",
            summary="A vision-language model over HTTP: OpenAI, vLLM, Ollama, llama.cpp",
            target="imagerag_openai.critic:OpenAICritic",
            config="imagerag_openai.config:OpenAICriticConfig",
            remote=True,
            needs=("openai",),
            keys=("OPENAI_API_KEY",),
        )
    ]


@hookimpl
def imagerag_generators() -> list[Offer]:
    """Offer the generator."""
    return [
        Offer(
            name="gpt-image",
            summary="OpenAI's images API: text, and up to 16 references in context",
            target="imagerag_openai.images.generator:GPTImageGenerator",
            config="imagerag_openai.images.config:GPTImageConfig",
            remote=True,
            needs=("openai",),
            keys=("OPENAI_API_KEY",),
        )
    ]


@hookimpl
def imagerag_conditioners() -> list[Offer]:
    """Offer the conditioner that speaks to the generator."""
    return [
        Offer(
            name="gpt-image",
            summary='References by number: "Image 1 shows …"',
            target="imagerag_openai.images.conditioner:GPTImageConditioner",
            config="imagerag_openai.images.config:GPTImageConditionerConfig",
        )
    ]


@hookimpl
def imagerag_presets() -> list[Preset]:
    """Offer a configuration that needs one key and no model on this machine."""
    return [
        Preset(
            name="openai-only",
            summary="ImageRAG with OpenAI's models alone: one key, no GPU.",
            resource="imagerag_openai:presets/openai-only.toml",
        )
    ]
