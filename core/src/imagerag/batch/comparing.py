"""What is different between two batches, or two runs, of run stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from imagerag.batch.store import RunStore
from imagerag.batch.stored import StoredRun
from imagerag.run import Run


@dataclass(frozen=True)
class Difference:
    """How one row's run differs: by name, what it is here and there. None: there is no such run."""

    prompt: str
    seed: int
    here: int | None
    there: int | None
    told: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


def settings_apart(here: StoredRun, there: StoredRun) -> dict[str, tuple[Any, Any]]:
    """Return the keys of the configuration, and the versions, that two runs do not share."""
    if here.run is None or there.run is None:
        return {}
    return _settings(here.run.config, here.run.versions, there.run.config, there.run.versions)


def batch_settings_apart(
    here: RunStore, batch: int, there: RunStore, other: int
) -> dict[str, tuple[Any, Any]]:
    """Return the keys of the configuration, and the versions, that two batches do not share."""
    (mine,) = [one.setting for one in here.batches() if one.number == batch]
    (theirs,) = [one.setting for one in there.batches() if one.number == other]
    return _settings(*here.setting(mine), *there.setting(theirs))


def _settings(
    config: Mapping[str, Any],
    versions: Mapping[str, str],
    other: Mapping[str, Any],
    others: Mapping[str, str],
) -> dict[str, tuple[Any, Any]]:
    return {**_apart(_flat(config), _flat(other)), **_apart(versions, others)}


def runs_apart(here: StoredRun, there: StoredRun) -> Difference:
    """Compare two runs: state, picture, what was missing, references, decisions, cost."""
    told = _apart(_seen(here), _seen(there))
    return Difference(here.prompt, here.seed, here.number, there.number, told)


def batches_apart(here: RunStore, batch: int, there: RunStore, other: int) -> Iterator[Difference]:
    """Yield the rows of two batches that differ, matched by prompt and seed.

    Of rows that repeat both, the first is matched with the first, and so on.
    """
    waiting: dict[tuple[str, int], list[StoredRun]] = {}
    for run in there.runs(other):
        waiting.setdefault((run.prompt, run.seed), []).append(run)
    for run in here.runs(batch):
        same = waiting.get((run.prompt, run.seed))
        if not same:
            yield Difference(run.prompt, run.seed, run.number, None)
            continue
        found = runs_apart(run, same.pop(0))
        if found.told:
            yield found
    for rest in waiting.values():
        for run in rest:
            yield Difference(run.prompt, run.seed, None, run.number)


def _seen(stored: StoredRun) -> dict[str, Any]:
    run = stored.run
    found: dict[str, Any] = {"state": stored.state, "reason": stored.reason, "usd": stored.usd}
    if run is None:
        return found
    return found | {
        "kept": run.kept,
        "picture": run.kept_painting.pixels_sha256,
        "draft": run.drafted.pixels_sha256 if run.drafted else None,
        "missing": list(run.missing),
        "references": [used.digest for used in run.kept_painting.references],
        "comparison": _comparison(run),
        "decisions": [f"{d.stage}: {d.decision}: {d.reason}" for d in run.decisions],
    }


def _comparison(run: Run) -> Any:
    return next((turn.comparison for turn in reversed(run.rounds) if turn.comparison), None)


def _apart(here: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        name: (here.get(name), there.get(name))
        for name in dict.fromkeys([*here, *there])
        if here.get(name) != there.get(name)
    }


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = value
    return found
