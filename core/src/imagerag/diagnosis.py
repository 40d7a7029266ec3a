"""What is installed, what each plugin needs and lacks, and what this machine has."""

from __future__ import annotations

import os
import platform
import shutil
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from imagerag.health import examine, importable
from imagerag.hooks import ROLE_HOOKS
from imagerag.registry import Registry


def diagnose(registry: Registry, *, device: bool = True) -> dict[str, Any]:
    """Return everything `imagerag doctor` says, with `problems` as sentences with a next step.

    Keys are looked up in the environment by name; their values are never read into the report.
    `device` imports torch, where it is installed, to ask for accelerators: a few seconds.
    """
    plugins, problems = examine(registry)
    return {
        "imagerag": metadata.version("imagerag"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "free_disk_gb": round(shutil.disk_usage(Path.cwd()).free / 1e9, 1),
        "device": _device(problems) if device else None,
        "plugins": plugins,
        "keys": {
            key: "set" if os.environ.get(key) else "not set"
            for key in sorted(
                {k for role in ROLE_HOOKS for o in registry.offers(role) for k in o.offer.keys}
            )
        },
        "collections": _collections(problems),
        "problems": problems,
    }


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None  # not a POSIX system


def _device(problems: list[str]) -> dict[str, Any]:
    """Ask torch, which the core itself never needs, for the devices it can use."""
    if not importable("torch"):
        return {"name": "cpu", "torch": None}
    started = time.perf_counter()
    try:
        import torch
    except Exception as error:
        problems.append(f"torch is installed but does not import: {error}. Reinstall torch.")
        return {"name": "unknown", "torch": None}
    found: dict[str, Any] = {"name": "cpu", "torch": str(torch.__version__)}
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        found |= {
            "name": torch.cuda.get_device_name(),
            "memory_gb": round(total / 1e9, 1),
            "free_gb": round(free / 1e9, 1),
        }
    elif torch.backends.mps.is_available():
        found["name"] = "mps"
    found["import_seconds"] = round(time.perf_counter() - started, 2)
    return found


def _collections(problems: list[str]) -> list[dict[str, Any]]:
    from imagerag.collection import Collection, default_root
    from imagerag.errors import CollectionError

    root = default_root()
    if not root.is_dir():
        return []
    found = []
    for path in sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")):
        try:
            with Collection.open(path) as collection:
                found.append({"name": collection.name, "items": len(collection)})
        except CollectionError as error:
            problems.append(f"the collection {path.name!r} cannot be opened: {error}")
    return found
