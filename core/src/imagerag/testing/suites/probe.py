"""A probe: what a fresh process sees of a component that nobody has used yet.

The process imports the plugin's module of hooks and the configuration class, then builds the
component and asks what it tells of itself. Each time it notes which model libraries came in, how
long that took, who reached for the network, and what was written to the component's cache.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# fmt: off
LIBRARIES = frozenset({
    "torch", "torchvision", "torchaudio", "tensorflow", "keras", "jax", "jaxlib", "flax", "mxnet",
    "paddle", "onnxruntime", "transformers", "diffusers", "accelerate", "open_clip", "clip",
    "timm", "sentence_transformers", "peft", "bitsandbytes", "xformers", "llama_cpp", "vllm",
    "ultralytics", "cv2", "skimage", "scipy", "sklearn", "pandas", "pyarrow", "faiss", "hnswlib",
    "annoy", "usearch", "lancedb", "chromadb", "qdrant_client", "openai", "anthropic",
    "huggingface_hub", "safetensors", "tokenizers", "numpy",
})
# fmt: on
"""Libraries that take long to import, or that models and servers are reached through."""

SECONDS_PLUGIN = 0.1
"""Budget for importing the plugin's modules of hooks, which happens at each start of `imagerag`."""

SECONDS_CONFIG = 0.3
"""Budget for importing the configuration class, which happens whenever options are read."""

TRIES = 5
"""Processes that are started until one of them stays within the budget: a machine may be busy."""

_PATIENCE = 120.0

_START = f"""
import json, sys
task = json.load(sys.stdin)
sys.path[:] = task["path"]
from {__name__} import main
sys.exit(main(task))
"""


@dataclass(frozen=True)
class Seen:
    """What one step of a probe brought with it."""

    imported: tuple[str, ...] = ()
    seconds: float = 0.0
    network: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Probed:
    """The steps: importing the plugin, importing the configuration, telling of the component."""

    plugin: Seen
    config: Seen
    telling: Seen


def probe(task: dict[str, Any], folder: Path) -> Probed:
    """Run the probe in a process of its own. `task` is that of `main`, less the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", _START],
        input=json.dumps({**task, "path": sys.path, "folder": str(folder)}, default=str),
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
        cwd=folder,
    )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        lost = Seen(error=f"the process ended with {done.returncode}: {done.stderr[-2000:]}")
        return Probed(lost, lost, lost)
    seen = json.loads(lines[-1])
    return Probed(*(_read(seen[step]) for step in ("plugin", "config", "telling")))


def quickest(first: Probed, task: dict[str, Any], folder: Path) -> tuple[float, float]:
    """Return the seconds of plugin and configuration, tried again while they miss the budget."""
    plugin, config = first.plugin.seconds, first.config.seconds
    for _ in range(TRIES - 1):
        if plugin <= SECONDS_PLUGIN and config <= SECONDS_CONFIG:
            break
        again = probe({**task, "tell": False}, folder)
        plugin = min(plugin, again.plugin.seconds)
        config = min(config, again.config.seconds)
    return plugin, config


def _read(seen: dict[str, Any]) -> Seen:
    lists = {key: tuple(seen[key]) for key in ("imported", "network", "written")}
    return Seen(seconds=seen["seconds"], error=seen["error"], **lists)


def main(task: dict[str, Any]) -> int:
    """Carry out a task, and write what was seen as the last line of the output."""
    # What the core brings with it is not the plugin's doing.
    import imagerag.component_config
    import imagerag.hooks
    import imagerag.registry  # noqa: F401
    from imagerag.testing.network import offline
    from imagerag.testing.suites.workshop import registry_with

    forbidden = LIBRARIES | set(task["needs"])
    steps = {}
    with offline() as attempts:
        steps["plugin"] = _step(lambda: _import(task["modules"]), forbidden, attempts)
        steps["config"] = _step(
            lambda: _import([task["config"].partition(":")[0]]), forbidden, attempts
        )
        if task.get("tell", True):
            registry_with(task["plugin"])  # nor is what the other plugins bring
            # Numbers and small libraries may be needed to tell; models are not.
            steps["telling"] = _step(lambda: _tell(task), LIBRARIES - {"numpy"}, attempts)
        else:
            steps["telling"] = _step(lambda: None, forbidden, attempts)
    cache = Path(task["folder"]) / "telling" / "cache"
    steps["telling"]["written"] = [str(path) for path in cache.rglob("*")]
    sys.stdout.write("\n" + json.dumps(steps) + "\n")
    return 0


def _step(do: Any, forbidden: Iterable[str], attempts: list[str]) -> dict[str, Any]:
    before = {name for name in forbidden if name in sys.modules}
    reached = len(attempts)
    started = time.perf_counter()
    try:
        do()
        error = ""
    except Exception as trouble:
        error = f"{type(trouble).__name__}: {trouble}"
    seconds = time.perf_counter() - started
    came = sorted(name for name in forbidden if name in sys.modules and name not in before)
    return {
        "imported": came,
        "seconds": seconds,
        "network": attempts[reached:],
        "written": [],
        "error": error,
    }


def _import(modules: Iterable[str]) -> None:
    for module in modules:
        importlib.import_module(module)


def _tell(task: dict[str, Any]) -> None:
    from imagerag.testing.suites.workshop import Workshop

    workshop = Workshop(
        task["role"],
        task["use"],
        Path(task["folder"]) / "telling",
        plugin=task["plugin"],
        options=task["options"],
        beside=task["beside"],
        collection=Path(task["collection"]) if task["collection"] else None,
    )
    component = workshop.build()
    component.facts()
    component.versions()
    if task["role"] == "generator":
        component.capability()
    workshop.close()
