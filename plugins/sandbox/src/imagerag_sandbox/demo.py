"""The demonstration: held-out concepts, each from draft to kept picture, as a page to open."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imagerag import ImageRAG, Run, save, story_strip
from imagerag.page import Story, write_page
from imagerag.record import write_whole
from imagerag_sandbox.judge import Judge
from imagerag_sandbox.prompts import Prompt, load_world


def run_demo(out: Path, count: int, *, tell: Callable[[str], None]) -> dict[str, Any]:
    """Paint `count` held-out prompts and write `out`: strips, pictures, page and summary.

    The prompts are the first of a fixed order, chosen before any picture was painted. Returns what
    `summary.json` holds.
    """
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    judge = Judge()
    entries, stories, versions = [], [], {}
    with ImageRAG.from_config("sandbox") as rag:
        for number, prompt in enumerate(load_world().demo_prompts(count), start=1):
            run = rag.generate(prompt.text, seed=prompt.seed)
            versions = run.versions
            name = f"{number:02d}-{prompt.concept.replace(' ', '-')}"
            picture = save(run, out / f"{name}.png")
            story_strip(run).save(out / f"{name}-story.png")
            stories.append(Story.write(run, out, name))
            entries.append(_entry(run, prompt, judge, picture.name))
            tell(
                f"{time.perf_counter() - started:5.1f} s  {prompt.text}: missing "
                f"{', '.join(run.missing) or 'nothing'}; kept the {run.kept}"
            )
    summary = {
        "prompts": entries,
        "seconds_total": round(time.perf_counter() - started, 2),
        "versions": versions,
    }
    write_whole(out / "summary.json", (json.dumps(summary, indent=2) + "\n").encode())
    write_page(
        out / "index.html",
        "imagerag: what a generator never saw, looked up",
        "Each row is one prompt about something that this generator was never shown. It paints a "
        "draft, a critic says what is missing, references are looked up by text, and it paints "
        "again with them; the better picture is kept. Small models, painted on this machine.",
        stories,
    )
    return summary


def _entry(run: Run, prompt: Prompt, judge: Judge, picture: str) -> dict[str, Any]:
    """Return one prompt's part of the summary; judge values are probabilities of its concept."""

    def judged(image: Any) -> float | None:
        if image is None:
            return None
        return round(judge.look([image])[0].probabilities[prompt.concept], 4)

    return {
        "prompt": prompt.text,
        "concept": prompt.concept,
        "kept": run.kept,
        "missing": list(run.missing),
        "references": [
            {
                "id": r.digest,
                "score": round(r.hit.score, 4) if r.hit else None,
                "licence": r.hit.item.licence if r.hit else None,
                "source": r.hit.item.source if r.hit else None,
            }
            for r in run.references
        ],
        "draft_judge": judged(run.draft),
        "result_judge": judged(run.result),
        "seconds": {stage: round(seconds, 3) for stage, seconds in run.seconds.items()},
        "picture": picture,
    }
