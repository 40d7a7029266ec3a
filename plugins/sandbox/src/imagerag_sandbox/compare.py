"""Ways to retrieve, side by side: what each finds, and what the picture is worth in the end.

Every way runs the whole loop of the preset with one change, on the same prompts and seeds, so the
drafts are the same and differences come from retrieval alone. The judge, which takes no part in
any of them, names the concept it sees in the picture that was kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imagerag import Hit, ImageRAG, Query
from imagerag_sandbox.intervals import wilson
from imagerag_sandbox.judge import Judge
from imagerag_sandbox.prompts import Prompt, concept_of, load_world
from imagerag_sandbox.retrieval_ways import WAYS

if TYPE_CHECKING:
    from PIL.Image import Image

DEEP = 3
"""Hits per query that count for recall at more than one."""


@dataclass
class Found:
    """What one way found and painted."""

    hits: dict[str, list[list[Hit]]] = field(default_factory=dict)
    pictures: list[Image] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    seconds: float = 0.0


def compare(
    limit: int | None,
    seed: int,
    *,
    tell: Callable[[str], None],
    ways: Sequence[str] = tuple(WAYS),
    each: int = 2,
    query: str = "caption",
) -> dict[str, Any]:
    """Run every way and return its figures.

    Args:
        limit: Only the first so many held-out concepts.
        seed: Seed of backgrounds and pictures.
        tell: Gets a line of progress now and then.
        ways: Names of `WAYS` to run.
        each: Prompts for each concept.
        query: What the loop looks up: `[loop] query` of a configuration.

    Returns:
        `concepts`, `prompts`, `query`, and in `ways` by name: `recall_at_1` and `recall_at_3` of
        the concept, looked up by its caption; `prompt_recall_at_1`, looked up by the whole prompt;
        `reference_right`, the share of runs whose reference shows the concept; `accuracy` of the
        kept pictures; and `seconds_per_picture`. Each share has its 95 % interval beside it, as
        `…_ci`, with concepts as the sample size.
    """
    world = load_world()
    prompts = world.held_out_prompts(limit, seed, each)
    judge = Judge()
    figures: dict[str, Any] = {}
    for way in ways:
        tell(f"{way}: {len(prompts)} prompts")
        found = _run(way, prompts, world.phrases, query)
        figures[way] = _figures(found, prompts, judge)
    return {
        "concepts": len({prompt.concept for prompt in prompts}),
        "prompts": len(prompts),
        "query": query,
        "ways": figures,
    }


def _run(way: str, prompts: Sequence[Prompt], phrases: dict[str, str], query: str) -> Found:
    found = Found()
    tables = {"preset": "sandbox", **WAYS[way]}
    with ImageRAG.from_config(tables, {"loop.query": query}, progress=False) as rag:
        names = list(dict.fromkeys(prompt.concept for prompt in prompts))
        rag.session.retriever.sync(rag.session.collection)
        found.hits["caption"] = _look_up(rag, [phrases[name] for name in names])
        found.hits["prompt"] = _look_up(rag, [prompt.text for prompt in prompts])
        started = time.perf_counter()
        for prompt in prompts:
            run = rag.generate(prompt.text, seed=prompt.seed)
            assert run.image is not None
            found.pictures.append(run.image)
            shown = [r.hit.item for r in run.references if r.hit is not None]
            found.references.append(concept_of(shown[0]) if shown else "")
        found.seconds = (time.perf_counter() - started) / len(prompts)
    return found


def _look_up(rag: ImageRAG, texts: Sequence[str]) -> list[list[Hit]]:
    """Search and re-rank as the loop does: as deep as its policy says."""
    queries = [Query(text=text) for text in texts]
    results = rag.session.retriever.search(queries, rag.session.settings.loop.candidates)
    reranker = rag.session.reranker
    if reranker is None:
        return results
    return [reranker.rerank(query, hits) for query, hits in zip(queries, results, strict=True)]


def _figures(found: Found, prompts: Sequence[Prompt], judge: Judge) -> dict[str, Any]:
    names = list(dict.fromkeys(prompt.concept for prompt in prompts))
    verdicts = judge.look(found.pictures)
    shares = {
        "recall_at_1": _recall(found.hits["caption"], names, 1),
        f"recall_at_{DEEP}": _recall(found.hits["caption"], names, DEEP),
        "prompt_recall_at_1": _recall(found.hits["prompt"], [p.concept for p in prompts], 1),
        "reference_right": _share(
            [r == p.concept for r, p in zip(found.references, prompts, strict=True)]
        ),
        "accuracy": _share(
            [v.concept == p.concept for v, p in zip(verdicts, prompts, strict=True)]
        ),
    }
    figures: dict[str, Any] = {}
    for name, share in shares.items():
        figures |= {name: share, f"{name}_ci": wilson(share, len(names))}
    return figures | {"seconds_per_picture": round(found.seconds, 3)}


def _recall(results: Sequence[Sequence[Hit]], names: Sequence[str], depth: int) -> float:
    """Share of queries among whose first `depth` hits one shows the concept."""
    return _share(
        [
            any(concept_of(hit.item) == name for hit in hits[:depth])
            for hits, name in zip(results, names, strict=True)
        ]
    )


def _share(right: Sequence[bool]) -> float:
    return round(sum(right) / max(1, len(right)), 4)
