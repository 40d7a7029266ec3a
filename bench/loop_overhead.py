"""What the loop itself costs: with components that do nothing, and beside a script without it.

Two figures. First, milliseconds a prompt with the null components of `imagerag.testing`, through
draft, review, retrieval, painting and comparison. Second, the ratio to a script written by hand in
which the same five stages take 100 ms each: loop and script run in turn, so that a busy machine
slows both, and the median of the ratios is reported.

    python bench/loop_overhead.py [--prompts 300] [--pairs 11]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from imagerag import Collection, Session, run_prompt
from imagerag.config import load
from imagerag.roles import Found
from imagerag.testing import registry
from imagerag.values import Concept, Guidance, Query

STAGE = 0.1
"""Seconds of one stage of the script."""

PROMPT = "a hedgehog on a green background"


def settings(folder: Path) -> dict[str, Any]:
    """Return a configuration that goes through every stage."""
    return {
        "collection": str(folder),
        "generator": {"use": "null"},
        "conditioner": {"use": "plain"},
        "critic": {"use": "scripted", "answers": ["missing: hedgehog"]},
        "encoder": {"use": "hashing"},
        "retriever": {"use": "memory"},
        "loop": {"keep": "best"},
    }


def make_collection(folder: Path) -> None:
    """Make a collection of eight pictures."""
    pictures = []
    for number in range(8):
        file = folder.parent / f"{number}.png"
        Image.new("RGB", (16, 16), (number * 30, 80, 120)).save(file)
        pictures.append(Found(file.name, file, caption=f"a photo of thing {number}"))
    with Collection.create(folder) as collection:
        collection.add(pictures)


def overhead(session: Session, prompts: int) -> list[float]:
    """Return milliseconds of each prompt."""
    run_prompt(session, PROMPT)  # the first one builds the components
    spent = []
    for seed in range(prompts):
        started = time.perf_counter()
        run_prompt(session, PROMPT, seed=seed)
        spent.append((time.perf_counter() - started) * 1000)
    return spent


def slowed(session: Session) -> None:
    """Make each of the loop's five stages take `STAGE` seconds longer."""
    for component, name in (
        (session.generator, "generate"),
        (session.critic, "review"),
        (session.critic, "compare"),
        (session.retriever, "search"),
    ):
        setattr(component, name, _after_a_pause(getattr(component, name)))


def _after_a_pause(call: Any) -> Any:
    def paused(*arguments: Any, **options: Any) -> Any:
        time.sleep(STAGE)
        return call(*arguments, **options)

    return paused


def by_hand(session: Session) -> Image.Image:
    """Do what the loop does with the same components, as a short script would."""
    generator, critic = session.generator, session.critic
    draft = generator.generate([Guidance(PROMPT, 0)])[0]
    review = critic.review(draft, PROMPT)
    concepts: Sequence[Concept] = getattr(review, "concepts", ())
    hits = session.retriever.search([Query(text=c.caption) for c in concepts], 10)
    session.collection.image(hits[0][0].item.id)
    result = generator.generate([Guidance(PROMPT, 0)])[0]
    return result if critic.compare(PROMPT, draft, result).better == "b" else draft


def ratios(session: Session, pairs: int) -> list[float]:
    """Return loop time / script time of each pair; who goes first changes every time."""
    found = []
    for number in range(pairs):
        spent = {}
        order = [("loop", lambda: run_prompt(session, PROMPT)), ("hand", lambda: by_hand(session))]
        for name, call in order if number % 2 else reversed(order):
            started = time.perf_counter()
            call()
            spent[name] = time.perf_counter() - started
        found.append(spent["loop"] / spent["hand"])
    return found


def main() -> None:
    """Measure, and print JSON and a sentence."""
    parser = argparse.ArgumentParser(description="Overhead of the loop, with null components.")
    parser.add_argument("--prompts", type=int, default=300, help="prompts without pauses (300)")
    parser.add_argument("--pairs", type=int, default=11, help="pairs of loop and script (11)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "collection"
        make_collection(folder)
        plugins = registry()
        with Session(load(settings(folder), plugins), plugins) as session:
            spent = overhead(session, arguments.prompts)
            slowed(session)
            shares = ratios(session, arguments.pairs)
    figures = {
        "prompts": arguments.prompts,
        "ms_per_prompt": round(statistics.median(spent), 3),
        "ms_per_prompt_p95": round(sorted(spent)[int(len(spent) * 0.95)], 3),
        "stage_seconds": STAGE,
        "pairs": arguments.pairs,
        "ratio_to_script": round(statistics.median(shares), 4),
        "ratios": [round(share, 4) for share in shares],
    }
    print(json.dumps(figures, indent=2))
    print(
        f"The loop adds {figures['ms_per_prompt']} ms a prompt (aim: at most 2); with stages of "
        f"{STAGE * 1000:.0f} ms it takes {figures['ratio_to_script']} times as long as a script "
        "without it (aim: at most 1.01)."
    )


if __name__ == "__main__":
    main()
