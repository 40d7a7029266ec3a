"""A run told in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from imagerag.ledger import cost
from imagerag.run import Answer, Round, Run


def tell(run: Run) -> str:
    """Return the story of a run: prompt, what was missing, references, decisions, time."""
    return "\n".join(_lines(run))


def _lines(run: Run) -> Iterator[str]:
    yield f"prompt      {run.prompt!r}, seed {run.seed}"
    for number, turn in enumerate(run.rounds, start=1):
        if len(run.rounds) > 1:
            yield f"round {number}"
        yield from _round_lines(turn)
    if run.fallback:
        yield "fallback    the critic gave no usable answer; the prompt itself was looked up"
    yield f"kept        the {run.kept}"
    yield "decisions"
    for decision in run.decisions:
        yield f"  {decision.stage:<10}{decision.decision}: {decision.reason}"
    if run.seconds:
        spent = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in run.seconds.items())
        yield f"time        {spent}"
    if run.ledger:
        yield f"cost        {cost(run.ledger)}"
    wanted = ("imagerag", "generator.model", "generator.adapter", "critic.model", "encoder.model")
    models = [f"{name} {run.versions[name]}" for name in wanted if name in run.versions]
    yield f"made with   {', '.join(models)}"


def _round_lines(turn: Round) -> Iterator[str]:
    for answer in turn.answers:
        yield from _answer_lines(answer)
    for lookup in turn.lookups:
        yield f"looked up   {lookup.query!r}"
        for hit in lookup.hits[:3]:
            yield f"  {hit['score']:.3f}  {hit['caption'] or hit['id'][:12]}  {credit(hit)}"
    if turn.painted is not None:
        for used in turn.painted.references:
            whose = "your own image" if used.origin == "user" else credit(used.__dict__)
            yield f"shown       {used.digest[:12]}  {used.caption!r}  {whose}"
        yield f"painted     {turn.painted.prompt!r}"


def _answer_lines(answer: Answer) -> Iterator[str]:
    if answer.kind == "missing":
        names = ", ".join(_scored(concept) for concept in answer.missing)
        yield f"missing     {names}"
        if answer.present:
            yield f"present     {', '.join(_scored(concept) for concept in answer.present)}"
    else:
        told = f": {answer.note}" if answer.note else ""
        yield f"critic      {answer.kind} (temperature {answer.temperature:g}){told}"


def _scored(concept: Mapping[str, Any]) -> str:
    score = concept.get("score")
    return str(concept["name"]) if score is None else f"{concept['name']} ({score:.2f})"


def credit(values: Mapping[str, Any]) -> str:
    """Say whom to credit for an item, and where it came from; unknown stays unknown."""
    creator = values.get("creator") or "unknown creator"
    licence = values.get("licence") or "unknown licence"
    source = values.get("source")
    private = "private, " if values.get("private") else ""
    return f"{private}by {creator}, {licence}" + (f", {source}" if source else "")
