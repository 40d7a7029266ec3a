"""What is wrong with the plugins of an environment: each one named, with what to do next."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from imagerag.hooks import ROLE_HOOKS
from imagerag.registry import CORE, Offered, Plugin, Registry

SLOW = 0.1
"""Seconds at which loading a plugin is slow: `imagerag --help` should take less than 0.3 s with
thirty of them, and a plugin that imports nothing takes one or two thousandths."""

_TRIES = 3

_PATIENCE = 60.0
"""Seconds to wait for a plugin that is loaded in a process of its own."""

_PROBE = """
import json, sys
from importlib.metadata import EntryPoint
from imagerag.registry import Registry
[plugin] = Registry([EntryPoint("probed", sys.argv[1], "imagerag")]).plugins
print(json.dumps({"seconds": plugin.seconds, "imported": plugin.imported}))
"""


def examine(registry: Registry) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a description of each plugin, and the problems of all as sentences with a next step.

    Seconds are those of this registry's loading; a plugin that took long is loaded once more in a
    process of its own, as a busy machine slows everybody, and the lesser figure counts. Where one
    plugin imports a library of `registry.LATE`, all are, as it would hide that others do as well.
    """
    offers = _offers(registry)
    hiding = any(plugin.imported for plugin in registry.plugins)
    described: list[dict[str, Any]] = []
    problems: list[str] = []
    for plugin in registry.plugins:
        mine = [(k, o) for k, o in offers if _is_of(o, plugin)]
        seconds, imported = plugin.seconds, plugin.imported
        suspect = hiding or seconds > SLOW
        if suspect and not plugin.error and plugin.distribution != CORE:
            seconds, imported = _loaded_alone(plugin)
        needs = sorted({name for _, o in mine for name in getattr(o.offer, "needs", ())})
        one = {
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "load_seconds": round(seconds, 4),
            "slow": seconds > SLOW,
            "imports": list(imported),
            "offers": [f"{kind} {o.name}" for kind, o in mine],
            "needs": needs,
            "lacks": [name for name in needs if not importable(name)],
            "error": plugin.error,
            "incompatible": plugin.incompatible,
        }
        described.append(one)
        problems += _problems(one)
    return described, [*problems, *clashes(registry), *_one_package_of_two(registry.plugins)]


def clashes(registry: Registry) -> list[str]:
    """Return a sentence for each name that two distributions offer, with both spellings."""
    owners: dict[tuple[str, str], list[Offered]] = {}
    for kind, offered in _offers(registry):
        owners.setdefault((kind, offered.name), []).append(offered)
    told = []
    for (kind, name), several in owners.items():
        spellings = [repr(o.spelling) for o in several]
        own = [o for o in several if o.distribution == CORE]
        if len(several) > 1 and own:
            others = " or ".join(s for o, s in zip(several, spellings, strict=True) if o not in own)
            told.append(f"the {kind} {name!r} is the core's own; say {others} for the other.")
        elif len(several) > 1:
            told.append(
                f"the {kind} {name!r} is offered twice; say which with {' or '.join(spellings)}."
            )
    return told


def importable(module: str) -> bool:
    """Say whether a module can be found, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _offers(registry: Registry) -> list[tuple[str, Offered]]:
    return [
        *((role, o) for role in ROLE_HOOKS for o in registry.offers(role)),
        *(("preset", o) for o in registry.presets()),
        *(("command", o) for o in registry.commands()),
    ]


def _is_of(offered: Offered, plugin: Plugin) -> bool:
    return (offered.distribution, offered.entry) == (plugin.distribution, plugin.name)


def _problems(one: dict[str, Any]) -> list[str]:
    name = f"{one['distribution']} {one['version']}"
    upgrade = f"Try `pip install --upgrade {one['distribution']}`"
    again = f"`pip install --force-reinstall {one['distribution']}`"
    if one["incompatible"]:
        return [one["error"]]
    if one["error"]:
        return [
            f"{name} is broken: {one['error']}. Try {again}, or do without it: "
            f"`pip uninstall {one['distribution']}`."
        ]
    told = []
    if one["lacks"]:
        told.append(
            f"{one['distribution']} needs {', '.join(one['lacks'])}, which cannot be found. Try "
            f"{again}."
        )
    imports = ", ".join(one["imports"])
    if one["slow"]:
        because = f", as it imports {imports}" if imports else ""
        told.append(
            f"{name} is slow: it adds {one['load_seconds']:.2f} s to every command{because}. "
            f"{upgrade}, or ask its authors to import inside functions."
        )
    elif imports:
        told.append(
            f"{name} imports {imports} before any of its components is chosen. {upgrade}, or ask "
            "its authors to import inside functions."
        )
    return told


def _one_package_of_two(plugins: Iterable[Plugin]) -> list[str]:
    """Name distributions whose hooks lie in one package: each install overwrites the other's."""
    owners: dict[str, list[str]] = {}
    for plugin in plugins:
        package = plugin.module.partition(":")[0].partition(".")[0]
        names = owners.setdefault(package, [])
        if plugin.distribution not in names:
            names.append(plugin.distribution)
    return [
        f"{' and '.join(names)} both install the package {package!r}, and one overwrites the "
        f"other. Keep one: `pip uninstall {' '.join(names)}`, then install that one again."
        for package, names in owners.items()
        if len(names) > 1 and package not in ("", CORE)
    ]


def _loaded_alone(plugin: Plugin) -> tuple[float, tuple[str, ...]]:
    """Load a plugin in a process of its own; return the least seconds seen, and what it imports.

    One that is a little slow is tried again: a second is beyond what a busy machine explains.
    """
    seconds, imported = plugin.seconds, set(plugin.imported)
    for _ in range(_TRIES):
        try:
            seen = _probed(plugin.module)
        except (OSError, subprocess.SubprocessError, ValueError, LookupError):
            break  # what was seen in this process stands
        seconds = min(seconds, seen["seconds"])
        imported |= set(seen["imported"])
        if not SLOW < seconds < 10 * SLOW:
            break
    return seconds, tuple(sorted(imported))


def _probed(module: str) -> dict[str, Any]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-P", "-c", _PROBE, module],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=True,
    )
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen
