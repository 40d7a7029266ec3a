"""What this distribution offers to imagerag."""

from __future__ import annotations

from imagerag.hooks import Offer, hookimpl


@hookimpl
def imagerag_critics() -> list[Offer]:
    """Offer the critic."""
    return [
        Offer(
            name="anthropic",
            summary="Claude over the Messages API",
            target="imagerag_anthropic.critic:AnthropicCritic",
            config="imagerag_anthropic.config:AnthropicCriticConfig",
            remote=True,
            needs=("anthropic",),
            keys=("ANTHROPIC_API_KEY",),
        )
    ]
