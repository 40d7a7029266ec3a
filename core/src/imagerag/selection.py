"""From concepts to the references that a picture is painted with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TypeAlias

from PIL.Image import Image

from imagerag.collection.decode import open_image, upright_rgb
from imagerag.errors import CapabilityError
from imagerag.review import Verdict
from imagerag.run import Decision, Lookup, hit_record, pixels_digest
from imagerag.session import Session
from imagerag.steps import Fetch, Order, Search, Steps
from imagerag.text import clean
from imagerag.values import Capability, Hit, Reference

Personal: TypeAlias = str | Path | Image | Reference
"""A user's own image: a file, a picture, or a reference with a caption and strength of its own."""


@dataclass(frozen=True)
class Selection:
    """References found for the missing concepts, with the lookups and decisions behind them."""

    references: tuple[Reference, ...]
    lookups: tuple[Lookup, ...]
    decisions: tuple[Decision, ...]


def personal_reference(image: Personal, prompt: str) -> Reference:
    """Turn what a user gave into a reference; files are read under the limits of any image."""
    if isinstance(image, Reference):
        digest = image.digest or pixels_digest(image.image)
        return replace(image, origin="user", digest=digest)
    if isinstance(image, Image):
        picture = upright_rgb(image)
        return Reference(picture, clean(prompt), "user", digest=pixels_digest(picture))
    path = Path(image)
    picture = open_image(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Reference(picture, clean(prompt), "user", digest=digest)


def find(
    session: Session, prompt: str, verdict: Verdict, have: Sequence[Reference]
) -> Steps[Selection]:
    """Look up every missing concept and choose references for each, other than those of `have`."""
    policy = session.settings.loop
    wanted = _queries(session, prompt, verdict)
    decisions: list[Decision] = []
    # Deep enough that what is taken already, or by the other concepts, leaves a choice for each.
    taken_most = len(have) + (len(wanted) - 1) * policy.images_per_concept
    depth = max(policy.candidates, policy.images_per_concept) + taken_most
    results = yield Search(tuple(text for _, text in wanted), depth)
    taken = {reference.digest for reference in have}
    lookups: list[Lookup] = []
    chosen: list[list[tuple[str, str, Hit]]] = []
    for (concept, text), hits in zip(wanted, results, strict=True):
        hits = yield from _reranked(session, text, hits, decisions)
        lookups.append(Lookup(concept, text, tuple(hit_record(hit) for hit in hits)))
        best = _above(hits, policy.min_score, text, decisions)
        mine: list[tuple[str, str, Hit]] = []
        for hit in best:
            if len(mine) == policy.images_per_concept:
                break
            if hit.item.id not in taken:
                taken.add(hit.item.id)
                mine.append((concept, text, hit))
        if best and not mine:
            reason = "every hit is a reference already"
            decisions.append(Decision("retrieve", f"nothing new for {text!r}", reason))
        chosen.append(mine)
    # One image for each concept before a second for any, should room be short.
    turns = zip_longest(*chosen)
    picked = [one for turn in turns for one in turn if one is not None]
    pictures = (yield Fetch(tuple(hit.item for *_, hit in picked))) if picked else []
    references = tuple(map(_reference, picked, pictures))
    return Selection(references, tuple(lookups), tuple(decisions))


def fit(
    references: tuple[Reference, ...], capability: Capability, limit: int | None
) -> tuple[tuple[Reference, ...], list[Decision]]:
    """Keep as many references as the generator takes, the user's first; say what was left out."""
    most = capability.max_references if limit is None else min(limit, capability.max_references)
    if len(references) <= most:
        return references, []
    if most == 0:
        raise CapabilityError(
            "this generator takes no references, so retrieval cannot help it: set [loop] gate = "
            "'never', or choose a generator with the ability 'image-prompt' or 'in-context'."
        )
    dropped = [r.caption for r in references[most:]]
    whose = "[loop] max_references" if most == limit else "the generator"
    reason = f"{whose} allows {most}; left out: {', '.join(map(repr, dropped))}"
    return references[:most], [Decision("condition", f"use {most} references", reason)]


def sync(session: Session) -> int:
    """Bring the index up to date, and return how many changes were applied.

    Raises `CapabilityError` where private images would be shown to a remote component that the
    policy does not name (see `Privacy.sync`).
    """
    return session.privacy.sync()


def _queries(session: Session, prompt: str, verdict: Verdict) -> list[tuple[str, str]]:
    """Return (concept, text to look up) pairs by the policy's `query`."""
    by = session.settings.loop.query
    if by == "prompt" or not verdict.concepts:
        return [(clean(prompt), clean(prompt))]
    if by == "concept":
        return [(c.name, c.name) for c in verdict.concepts]
    return [(c.name, c.caption) for c in verdict.concepts]


def _reranked(
    session: Session, text: str, hits: list[Hit], decisions: list[Decision]
) -> Steps[list[Hit]]:
    if not session.names("reranker") or len(hits) < 2:
        return hits
    ordered = yield Order(text, tuple(hits))
    if sorted(h.item.id for h in ordered) != sorted(h.item.id for h in hits):
        raise CapabilityError(
            f"the re-ranker {session.use('reranker')!r} gave back other items than it was given; "
            "a re-ranker only orders. Report this to whoever publishes it, or choose another."
        )
    if ordered[0].item.id != hits[0].item.id:
        reason = f"by the re-ranker {session.use('reranker')!r}"
        decisions.append(Decision("rerank", f"another first hit for {text!r}", reason))
    # The retriever's own hits are kept: only their order is the re-ranker's to say.
    given = {hit.item.id: hit for hit in hits}
    return [given[hit.item.id] for hit in ordered]


def _above(hits: list[Hit], least: float | None, text: str, decisions: list[Decision]) -> list[Hit]:
    """Drop weak hits, and say so where none is left."""
    good = hits if least is None else [hit for hit in hits if hit.score >= least]
    if not good:
        best = (
            f"the best hit scores {max(h.score for h in hits):.3f}" if hits else "nothing was found"
        )
        reason = best if least is None or not hits else f"{best}, below min_score = {least}"
        decisions.append(Decision("retrieve", f"abstain for {text!r}", reason))
    return good


def _reference(picked: tuple[str, str, Hit], picture: Image) -> Reference:
    concept, text, hit = picked
    return Reference(
        image=picture,
        caption=text,
        origin="retrieved",
        concept=concept,
        hit=hit,
        digest=hit.item.id,
        private=hit.item.private,
    )
