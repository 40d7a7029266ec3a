"""The method against its controls, on concepts that the generator never saw.

Four ways to paint each prompt, with the same seed: the bare generator (*base*), the whole loop
(*imagerag*), a reference of a random other concept (*random*), and a reference that is known to be
right (*oracle*). The judge, which neither retrieval nor critic uses, names the concept it sees.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagerag import ImageRAG, Item, Reference, Run
from imagerag_sandbox.intervals import wilson
from imagerag_sandbox.judge import Judge
from imagerag_sandbox.prompts import Prompt, World, concept_of, load_world

if TYPE_CHECKING:
    from PIL.Image import Image

WAYS = ("base", "imagerag", "random", "oracle")
COMMON_PROMPTS = 100


@dataclass
class Pictures:
    """The pictures of one prompt, by the way they were painted, and the run behind them."""

    prompt: Prompt
    run: Run
    by: dict[str, Image] = field(default_factory=dict)
    seconds: float = 0.0


def measure(
    limit: int | None, seed: int, *, tell: Callable[[str], None], sheet: Path | None = None
) -> dict[str, Any]:
    """Run the comparison and return its figures.

    Args:
        limit: Only the first so many held-out concepts (and no more common prompts than that).
        seed: Seed of backgrounds, pictures and random references.
        tell: Gets a line of progress now and then.
        sheet: Where to draw a contact sheet of all pictures, if anywhere.
    """
    world = load_world()
    judge = Judge()
    common_count = COMMON_PROMPTS if limit is None else min(limit, COMMON_PROMPTS)
    with ImageRAG.from_config("sandbox", progress=False) as rag:
        items = _items_by_concept(rag, world)
        rag.session.retriever.sync(rag.session.collection)
        rare = [
            _four_ways(rag, prompt, items, seed, tell)
            for prompt in world.held_out_prompts(limit, seed)
        ]
        common = [
            _painted(rag, prompt, tell) for prompt in world.common_prompts(common_count, seed)
        ]
        recall = _recall(rag, world.held_out[:limit], world)
        real = _real_accuracy(rag, judge, items, limit)
    if sheet is not None:
        from imagerag_sandbox.sheet import draw_sheet

        draw_sheet(rare, sheet)
    return _figures(judge, rare, common, recall, real)


def _items_by_concept(rag: ImageRAG, world: World) -> dict[str, list[Item]]:
    known = set(world.concepts)
    found: dict[str, list[Item]] = {name: [] for name in world.concepts}
    for item in rag.session.collection.items():
        if (name := concept_of(item)) in known:
            found[name].append(item)
    return found


def _painted(rag: ImageRAG, prompt: Prompt, tell: Callable[[str], None]) -> Pictures:
    started = time.perf_counter()
    run = rag.generate(prompt.text, seed=prompt.seed)
    spent = time.perf_counter() - started
    assert run.draft is not None and run.image is not None
    tell(f"{prompt.text}: kept the {run.kept} ({spent:.1f} s)")
    return Pictures(prompt, run, {"base": run.draft, "imagerag": run.image}, spent)


def _four_ways(
    rag: ImageRAG,
    prompt: Prompt,
    items: dict[str, list[Item]],
    seed: int,
    tell: Callable[[str], None],
) -> Pictures:
    pictures = _painted(rag, prompt, tell)
    draw = random.Random(f"{seed} {prompt.text}")
    other = draw.choice([name for name in items if name != prompt.concept and items[name]])
    for way, name in (("random", other), ("oracle", prompt.concept)):
        item = draw.choice(items[name])
        pictures.by[way] = _with_reference(rag, prompt, item)
    return pictures


def _with_reference(rag: ImageRAG, prompt: Prompt, item: Item) -> Image:
    """Paint with one given reference, under the caption the loop would have used."""
    session = rag.session
    caption = load_world().phrases[prompt.concept]
    reference = Reference(session.collection.image(item.id), caption, digest=item.id)
    capability = session.generator.capability()
    guidance = session.conditioner.condition(prompt.text, [reference], capability, seed=prompt.seed)
    return session.generator.generate([guidance])[0]


def _recall(rag: ImageRAG, names: tuple[str, ...], world: World) -> float:
    """Share of concepts whose caption finds a picture of them first."""
    from imagerag import Query

    queries = [Query(text=world.phrases[name]) for name in names]
    hits = rag.session.retriever.search(queries, 1)
    right = [
        bool(found) and concept_of(found[0].item) == name
        for name, found in zip(names, hits, strict=True)
    ]
    return sum(right) / max(1, len(right))


def _real_accuracy(
    rag: ImageRAG, judge: Judge, items: dict[str, list[Item]], limit: int | None
) -> tuple[float, int]:
    """The judge on the pool's own pictures: the ceiling of every other accuracy."""
    names = list(items)[:limit]
    pairs = [(name, item) for name in names for item in items[name]]
    pictures = [rag.session.collection.image(item.id) for _, item in pairs]
    verdicts = judge.look(pictures)
    right = sum(v.concept == name for v, (name, _) in zip(verdicts, pairs, strict=True))
    return right / max(1, len(pairs)), len(names)


def _figures(
    judge: Judge,
    rare: list[Pictures],
    common: list[Pictures],
    recall: float,
    real: tuple[float, int],
) -> dict[str, Any]:
    count = len({p.prompt.concept for p in rare})
    accuracy: dict[str, Any] = {"real": real[0], "real_ci": wilson(*real)}
    for way in WAYS:
        share = _share(judge, rare, way)
        accuracy |= {way: share, f"{way}_ci": wilson(share, count)}
    kept = [
        v.background == p.prompt.background
        for p, v in zip(rare, judge.look([p.by["imagerag"] for p in rare]), strict=True)
    ]
    shares = {way: _share(judge, common, way) for way in ("base", "imagerag")}
    background = sum(kept) / max(1, len(kept))
    return {
        "concepts": count,
        "accuracy": accuracy,
        "background_kept": background,
        "background_kept_ci": wilson(background, count),
        "common": shares | {f"{w}_ci": wilson(s, len(common)) for w, s in shares.items()},
        "gate": _gate(judge, [*rare, *common]),
        "retrieval": {"recall_at_1": recall, "recall_at_1_ci": wilson(recall, count)},
        "results_kept": sum(p.run.kept == "result" for p in rare) / max(1, len(rare)),
        "seconds_per_picture": round(sum(p.seconds for p in rare) / max(1, len(rare)), 3),
    }


def _share(judge: Judge, pictures: list[Pictures], way: str) -> float:
    """Share of pictures in which the judge sees the concept that was asked for."""
    verdicts = judge.look([p.by[way] for p in pictures])
    right = sum(v.concept == p.prompt.concept for v, p in zip(verdicts, pictures, strict=True))
    return right / max(1, len(pictures))


def _gate(judge: Judge, pictures: list[Pictures]) -> dict[str, Any]:
    """Precision and recall of "something is missing", held against the judge's view of drafts.

    The truth of a draft: the concept or the background that was asked for is not what the judge
    sees. `truly_missing` of `drafts` says how many.
    """
    verdicts = judge.look([p.by["base"] for p in pictures])
    truth = [
        (v.concept, v.background) != (p.prompt.concept, p.prompt.background)
        for v, p in zip(verdicts, pictures, strict=True)
    ]
    said = [bool(p.run.missing) for p in pictures]
    both = sum(t and s for t, s in zip(truth, said, strict=True))
    precision, recall = both / max(1, sum(said)), both / max(1, sum(truth))
    return {
        "precision": precision,
        "precision_ci": wilson(precision, sum(said)),
        "recall": recall,
        "recall_ci": wilson(recall, sum(truth)),
        "drafts": len(pictures),
        "truly_missing": sum(truth),
    }
