"""Says in the run record where a prompt is longer than a model reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagerag.roles import Context


def note_cuts(
    context: Context,
    prompts: Iterable[str],
    most: int,
    count: Callable[[str], int],
    limit: str = "max_tokens is",
) -> None:
    """Put a line into the record for each prompt of which the end is not read.

    Args:
        context: The generator's.
        prompts: The prompts of one call; equal ones are named once.
        most: How many tokens the model reads.
        count: Returns how many tokens a prompt has, with all that the model adds to it.
        limit: What sets the limit, in words before its number.
    """
    for prompt in dict.fromkeys(prompts):
        tokens = count(prompt)
        if tokens > most:
            context.decide(
                "generate",
                f"prompt cut to {most} tokens",
                f"{prompt[:60]!r}… has {tokens} tokens, and {limit} {most}",
            )
