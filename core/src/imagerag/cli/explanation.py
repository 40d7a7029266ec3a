"""An explained configuration, as text."""

from __future__ import annotations

from collections.abc import Iterator

from imagerag.explaining import Explained, Explanation


def told(source: str, explanation: Explanation) -> str:
    """Return what a configuration means, one paragraph for each component, then the sums."""
    lines = [f"{source} means:"]
    for row in explanation.components:
        lines += ["", *_component(row)]
    lines += ["", *_sums(explanation)]
    return "\n".join(lines)


def _component(row: Explained) -> Iterator[str]:
    where = "" if row.path == row.role else f" ({row.path})"
    yield f"{row.role}{where}: {row.use}" + (f", of {row.distribution}" if row.distribution else "")
    if row.trouble:
        yield f"  {row.trouble}"
        return
    facts = row.facts
    if facts.model:
        revision = f" at {facts.revision}" if facts.revision not in ("", facts.model) else ""
        yield f"  model       {facts.model}{revision}"
    if facts.implementation:
        yield f"  runs        {facts.implementation}"
    if row.remote:
        yield "  remote      yes: what it is shown leaves this machine"
    if facts.model:
        commercial = {True: ", commercial use allowed", False: ", no commercial use", None: ""}
        yield f"  licence     {facts.licence or 'unknown'}{commercial[facts.commercial]}"
    if row.references is not None:
        yield f"  references  {row.references or 'none'}" + (" at most" if row.references else "")
    if facts.model and not row.remote:
        memory = "unknown" if facts.memory_gb is None else f"about {facts.memory_gb:g} GB"
        yield f"  memory      {memory}"
    if row.remote:
        cost = facts.usd_per_picture
        yield "  cost        " + ("unknown" if cost is None else f"about {cost:.4f} US dollars")
    if facts.proven:
        yield f"  proven      {facts.proven}"


def _sums(explanation: Explanation) -> Iterator[str]:
    more = "" if explanation.memory_complete else ", and what is unknown above"
    yield f"memory, all models loaded: {explanation.memory_gb:g} GB{more}"
    cost = explanation.usd_per_picture
    yield "cost of a picture with one mismatch: " + (
        "unknown" if cost is None else f"{cost:.4f} US dollars"
    )
