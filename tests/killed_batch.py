"""The process that `test_batch_killed` kills: a batch over a store, with a critic over HTTP.

    python killed_batch.py SETTINGS.json PROMPTS OUT

`SETTINGS.json` is a configuration; the components without a model are on offer besides those that
are installed.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from imagerag.batch.prompts import PromptFile
from imagerag.batch.store import RunStore
from imagerag.batch.turn import prepare, take
from imagerag.registry import Registry
from imagerag.session import Session

DOUBLES = "imagerag.testing.plugin"


def main(settings: str, prompts: str, out: str) -> int:
    """Take one turn of a batch, and return its exit code."""
    plugins = [*entry_points(group="imagerag"), EntryPoint(DOUBLES, DOUBLES, "imagerag")]
    values = json.loads(Path(settings).read_text(encoding="utf-8"))
    with (
        RunStore.create(out) as store,
        Session.from_config(values, registry=Registry(plugins)) as session,
    ):
        rows = PromptFile(Path(prompts))
        return take(prepare(session, store, rows, "prompts", rows.digest)).exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
