"""Asking the critic until it gives a usable answer, and what to do when it never does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from imagerag.errors import CriticError
from imagerag.run import Answer, Decision
from imagerag.session import Session
from imagerag.steps import Ask, Steps
from imagerag.text import clean
from imagerag.values import Concept, Malformed, Matches, Missing, Review, Unavailable

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Verdict:
    """What the loop does next, with every answer and decision on the way.

    `concepts` is empty exactly where the picture matches or the fallback is taken.
    """

    matches: bool
    concepts: tuple[Concept, ...]
    answers: tuple[Answer, ...]
    decisions: tuple[Decision, ...]
    fallback: bool = False


def ask(session: Session, prompt: str, picture: Image | None) -> Steps[Verdict]:
    """Review `picture`, or plan from the prompt where there is none.

    An unusable answer is asked for again at a rising temperature (paper, appendix: up to three
    tries); then the loop falls back to looking up the prompt itself, visibly.
    """
    policy = session.settings.loop
    answers: list[Answer] = []
    for attempt in range(policy.retries):
        temperature = round(attempt * policy.temperature_step, 6)
        answer = _safe((yield Ask(prompt, picture, temperature)))
        answers.append(Answer.of(answer, temperature))
        if isinstance(answer, Matches):
            return _matched(session, prompt, answer, tuple(answers))
        if isinstance(answer, Missing):
            return _missing(session, answer, tuple(answers))
        if isinstance(answer, Unavailable):
            break  # a critic over a network has tried until its deadline; hotter is no nearer
    kinds = ", ".join(a.kind for a in answers)
    tries = f"{len(answers)} tries" if len(answers) > 1 else "one try"
    reason = f"no usable answer in {tries} ({kinds})"
    if not policy.fallback:
        raise CriticError(
            f"the critic {session.use('critic')!r} gave {reason}: {answers[-1].note!r}. Set "
            "[loop] fallback = true to retrieve with the prompt instead, or choose another critic."
        )
    decision = Decision("review", "look up the prompt itself", f"{reason}; this is the fallback")
    return Verdict(False, (), tuple(answers), (decision,), fallback=True)


def _safe(answer: Review) -> Review:
    """Clean the texts of an answer: they come from a model and end in prompts and queries."""
    note = clean(answer.note, 500)
    if isinstance(answer, Matches):
        return replace(answer, note=note, concepts=_safe_concepts(answer.concepts))
    if not isinstance(answer, Missing):
        return replace(answer, note=note)
    concepts = _safe_concepts(answer.concepts)
    if not concepts:
        return Malformed(note="no concept was left after cleaning")
    return replace(answer, note=note, concepts=concepts, present=_safe_concepts(answer.present))


def _safe_concepts(concepts: tuple[Concept, ...]) -> tuple[Concept, ...]:
    """Return concepts with clean texts, each name once."""
    seen: set[str] = set()
    safe = []
    for concept in concepts:
        name, caption = clean(concept.name, 100), clean(concept.caption)
        if name and caption and name.casefold() not in seen:
            seen.add(name.casefold())
            safe.append(replace(concept, name=name, caption=caption))
    return tuple(safe)


def _matched(
    session: Session, prompt: str, answer: Matches, answers: tuple[Answer, ...]
) -> Verdict:
    policy = session.settings.loop
    if policy.gate != "always":
        decision = Decision("gate", "keep the picture", "the critic finds nothing missing")
        return Verdict(True, (), answers, (decision,))
    concepts = answer.concepts or (Concept(name=clean(prompt, 100), caption=clean(prompt)),)
    reason = "gate = 'always', though the critic finds nothing missing"
    return _limited(session, concepts, answers, Decision("gate", "retrieve", reason))


def _missing(session: Session, answer: Missing, answers: tuple[Answer, ...]) -> Verdict:
    names = ", ".join(repr(c.name) for c in answer.concepts)
    decision = Decision("gate", "retrieve", f"the critic finds missing: {names}")
    return _limited(session, answer.concepts, answers, decision)


def _limited(
    session: Session,
    concepts: tuple[Concept, ...],
    answers: tuple[Answer, ...],
    decision: Decision,
) -> Verdict:
    limit = session.settings.loop.concepts
    decisions = [decision]
    if len(concepts) > limit:
        dropped = ", ".join(repr(c.name) for c in concepts[limit:])
        decisions.append(Decision("review", f"leave out {dropped}", f"[loop] concepts = {limit}"))
    return Verdict(False, concepts[:limit], answers, tuple(decisions))
