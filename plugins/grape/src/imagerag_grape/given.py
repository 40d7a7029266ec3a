"""What guidance says to this generator itself, and what of it is the painter's."""

from __future__ import annotations

from dataclasses import replace

from imagerag.errors import CapabilityError
from imagerag.text import clean
from imagerag.values import Guidance

OWN = ("prompt", "edits")
"""`Guidance.options` that are not the painter's: the user's prompt, and edits to carry out."""


def for_painter(guidance: Guidance) -> Guidance:
    """Return the guidance without what is meant for this generator."""
    options = {key: value for key, value in guidance.options.items() if key not in OWN}
    return replace(guidance, options=options)


def prompt_of(guidance: Guidance) -> str:
    """Return what the picture should show: the user's prompt, else the painter's without markup.

    Raises:
        CapabilityError: The option is not a text.
    """
    prompt = guidance.options.get("prompt")
    if prompt is None:
        return clean(guidance.prompt, 2000)
    if not isinstance(prompt, str):
        raise CapabilityError(
            f"the option 'prompt' of a guidance for 'grape' is the user's prompt, got {prompt!r}."
        )
    return prompt


def edits_of(guidance: Guidance) -> tuple[str, ...] | None:
    """Return the edits that the guidance itself asks for, None where the planner is to say.

    Raises:
        CapabilityError: The option is not a list of texts.
    """
    edits = guidance.options.get("edits")
    if edits is None:
        return None
    if not isinstance(edits, list | tuple) or not all(
        isinstance(text, str) and clean(text) for text in edits
    ):
        raise CapabilityError(
            "the option 'edits' of a guidance for 'grape' is a list of instructions, got "
            f"{edits!r}. Leave it out to have the planner say what to change."
        )
    return tuple(clean(text) for text in edits)
