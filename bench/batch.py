"""What a batch gains, what it costs, and what it holds in memory.

    python bench/batch.py overlap    simulated components: share of the limit, beside a script
    python bench/batch.py glue       components that do nothing: ms a prompt, memory by prompts
    python bench/batch.py sandbox    the sandbox: pictures a second, batched and one by one

**overlap.** A generator of 5 s and a critic of 3 s, at a hundredth of their time; every draft is
found lacking, so a prompt takes two pictures and two calls. The limit is min(generators ÷ seconds
of generator a prompt, slots ÷ seconds of critic a prompt). Beside it a script that does the same
steps one after the other.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from loop_overhead import by_hand, make_collection

from imagerag import Registry, Session
from imagerag.batch.prompts import PromptList
from imagerag.batch.store import RunStore
from imagerag.batch.turn import prepare, take
from imagerag.testing import registry

GENERATOR, CRITIC, SLOTS = 0.05, 0.03, 8
"""Seconds of a picture and of an answer, and answers at once."""

SANDBOX = ("hedgehog", "red kite", "tiger", "boat", "cactus", "violin", "rocket", "teapot")


def settings(folder: Path, *, failing: float = 0.0, **batch: Any) -> dict[str, Any]:
    """Return a configuration of simulated components."""
    return {
        "collection": str(folder),
        "generator": {"use": "timed", "seconds": GENERATOR},
        "conditioner": {"use": "plain"},
        "critic": {"use": "faulty", "seconds": CRITIC, "slots": SLOTS, "failing": failing},
        "encoder": {"use": "hashing"},
        "retriever": {"use": "memory"},
        "batch": batch,
    }


def timed(values: Any, plugins: Registry, prompts: list[str], seeds: bool = False) -> float:
    """Return the seconds of a batch from its first call to its last."""
    rows = [{"prompt": prompt, "seed": n} for n, prompt in enumerate(prompts)]
    with tempfile.TemporaryDirectory() as out, RunStore.create(out) as store:
        session = Session.from_config(values, registry=plugins)
        plan = prepare(session, store, PromptList(rows), "bench", "")
        turn = take(plan)
        session.close()
        assert turn.halt is None and turn.counts.done == len(prompts), turn
    return turn.seconds


def overlap(per_generator: int) -> dict[str, Any]:
    """Measure 1, 2, 4 and 8 generators, all well and with a fifth of the answers failing."""
    found: dict[str, Any] = {"seconds_of_a_picture": GENERATOR, "seconds_of_an_answer": CRITIC}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "collection"
        make_collection(folder)
        plugins = registry("simulated")
        with Session.from_config(settings(folder), registry=plugins) as session:
            session.check()
            session.retriever.sync(session.collection)
            started = time.perf_counter()
            for _ in range(20):
                by_hand(session)
            alone = 20 / (time.perf_counter() - started)
        found["script_per_second"] = round(alone, 2)
        for failing in (0.0, 0.2):
            for generators in (1, 2, 4, 8):
                values = settings(folder, failing=failing, generators=generators)
                prompts = [f"thing {n}" for n in range(per_generator * generators)]
                rate = len(prompts) / timed(values, plugins, prompts)
                limit = min(generators / (2 * GENERATOR), SLOTS / (2 * CRITIC))
                found[f"{generators} generators, {failing:.0%} failing"] = {
                    "per_second": round(rate, 2),
                    "limit": round(limit, 2),
                    "share": round(rate / limit, 3),
                    "times_the_script": round(rate / alone, 2),
                }
    return found


def glue(prompts: int) -> dict[str, Any]:
    """Measure one number of prompts with components that do nothing, in this process."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "collection"
        make_collection(folder)
        values = settings(folder) | {
            "generator": {"use": "flat"},
            "critic": {"use": "faulty", "seconds": 0.0, "slots": SLOTS},
            "retriever": {"use": "fixed"},
        }
        plugins = registry("simulated")
        timed(values, plugins, ["warm"] * 1)
        before = time.process_time()
        seconds = timed(values, plugins, [f"thing {n}" for n in range(prompts)])
        cpu = time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "prompts": prompts,
        "ms": round(seconds / prompts * 1000, 3),
        "cpu_ms": round(cpu / prompts * 1000, 3),
        "peak_mib": round(peak),
    }


def memory(counts: tuple[int, ...]) -> dict[str, Any]:
    """Measure each number of prompts in a process of its own, so that each has its own peak."""
    found = []
    for count in counts:
        command = [sys.executable, __file__, "glue-once", "--prompts", str(count)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(json.loads(done.stdout))
    growth = found[-1]["peak_mib"] / found[0]["peak_mib"]
    return {"runs": found, "memory_of_the_last_to_the_first": round(growth, 3)}


def sandbox(prompts: int, pairs: int) -> dict[str, Any]:
    """Measure pictures a second on the sandbox, one by one and in batches, in turns."""
    plugins = Registry()
    texts = [f"a {SANDBOX[n % len(SANDBOX)]} on a blue background" for n in range(prompts)]
    rates: dict[int, list[float]] = {1: [], 4: [], 8: []}
    timed(_sandbox(1), plugins, texts[:1])
    for _ in range(pairs):
        for size, measured in rates.items():
            measured.append(prompts / timed(_sandbox(size), plugins, texts))
    alone = rates[1]
    return {
        str(size): {
            "prompts_per_second": round(statistics.median(measured), 3),
            "ratio": round(
                statistics.median(m / a for m, a in zip(measured, alone, strict=True)), 3
            ),
        }
        for size, measured in rates.items()
    }


def _sandbox(batch_size: int) -> dict[str, Any]:
    return {"preset": "sandbox", "generator": {"batch_size": batch_size}}


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description="Many prompts at once.")
    parser.add_argument("what", choices=["overlap", "glue", "glue-once", "sandbox"])
    parser.add_argument("--prompts", type=int, help="prompts (a generator, for overlap)")
    parser.add_argument("--pairs", type=int, default=2, help="repetitions (sandbox)")
    arguments = parser.parse_args()
    if arguments.what == "overlap":
        found = overlap(arguments.prompts or 100)
    elif arguments.what == "glue":
        found = memory((100, 1000, 10_000))
    elif arguments.what == "glue-once":
        found = glue(arguments.prompts or 1000)
    else:
        found = sandbox(arguments.prompts or 16, arguments.pairs)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
