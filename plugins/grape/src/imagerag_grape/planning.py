"""Asking the planner what to change, until it gives a usable answer or has had its tries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagerag.roles import Critic
from imagerag.text import clean
from imagerag.values import EditPlan, Edits, Malformed, Matches, Missing, Unavailable

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag_grape.config import GrapeConfig


@dataclass(frozen=True)
class Plan:
    """What to change, in the order in which to change it; nothing where `trouble` says why not."""

    instructions: tuple[str, ...] = ()
    note: str = ""
    trouble: str = ""


def ask(critic: Critic, picture: Image, prompt: str, config: GrapeConfig) -> Plan:
    """Ask which edits would make `picture` show `prompt`.

    A critic without the ability "edits" is asked for a review, and each missing concept becomes an
    instruction. An unusable answer is asked for again at a rising temperature; one that is
    unavailable is not, since whoever asks over a network retries until its own deadline.
    """
    kinds: list[str] = []
    note = ""
    for attempt in range(config.retries):
        answer = _usable(_one(critic, picture, prompt, config, attempt))
        note = clean(answer.note)
        if isinstance(answer, Edits):
            return Plan(answer.instructions, note)
        kinds.append(type(answer).__name__.lower())
        if isinstance(answer, Unavailable):
            break
    tries = f"{len(kinds)} tries" if len(kinds) > 1 else "one try"
    told = f": {note}" if note else ""
    return Plan(trouble=f"no usable plan in {tries} ({', '.join(kinds)}){told}")


def _one(
    critic: Critic, picture: Image, prompt: str, config: GrapeConfig, attempt: int
) -> EditPlan:
    temperature = round(attempt * config.temperature_step, 6)
    if "edits" in critic.abilities:
        return critic.edits(picture, prompt, temperature=temperature)
    review = critic.review(picture, prompt, temperature=temperature)
    if isinstance(review, Matches):
        return Edits(note=review.note)
    if isinstance(review, Missing):
        lacking = [
            config.missing.format(name=clean(concept.name), caption=clean(concept.caption))
            for concept in review.concepts
        ]
        return Edits(tuple(lacking), review.note)
    return review


def _usable(answer: EditPlan) -> EditPlan:
    """Clean instructions: they come from a model, and end in a prompt with image markup."""
    if not isinstance(answer, Edits):
        return answer
    cleaned = tuple(text for text in map(clean, answer.instructions) if text)
    if answer.instructions and not cleaned:
        return Malformed(note="no instruction was left after cleaning")
    return Edits(cleaned, answer.note)
