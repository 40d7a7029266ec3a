"""Write the table of names that the workspace's plugins offer, for the error "not installed".

The core cannot ask a plugin that is absent what it would offer, so it carries this table. It is
derived from the entry points of `plugins/*/pyproject.toml` and from the hooks behind them.

    python scripts/known_plugins.py            write core/src/imagerag/known_plugins.json
    python scripts/known_plugins.py --check    exit with 1 where the file is stale
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from imagerag.hooks import ROLE_HOOKS

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "core/src/imagerag/known_plugins.json"
KINDS = {**ROLE_HOOKS, "preset": "imagerag_presets", "command": "imagerag_commands"}


def plugin_modules() -> Iterator[tuple[str, str]]:
    """Yield (distribution, module) for every entry point of the workspace's plugins."""
    for file in sorted(ROOT.glob("plugins/*/pyproject.toml")):
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        sys.path.insert(0, str(file.parent / "src"))
        for module in project.get("entry-points", {}).get("imagerag", {}).values():
            yield project["name"], module


def table() -> dict[str, dict[str, list[str]]]:
    """Return {kind: {name: [distributions]}}, sorted."""
    found: dict[str, dict[str, set[str]]] = {}
    for distribution, name in plugin_modules():
        module = importlib.import_module(name)
        for kind, hook in KINDS.items():
            for offer in getattr(module, hook, tuple)():
                found.setdefault(kind, {}).setdefault(offer.name, set()).add(distribution)
    return {
        kind: {name: sorted(homes) for name, homes in sorted(names.items())}
        for kind, names in sorted(found.items())
    }


def main() -> int:
    """Write the table, or compare it with the file."""
    parser = argparse.ArgumentParser(description="Derive known_plugins.json from the workspace.")
    parser.add_argument("--check", action="store_true", help="change nothing; 1 where it is stale")
    arguments = parser.parse_args()
    text = json.dumps(table(), indent=2) + "\n"
    if arguments.check:
        if TABLE.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write(f"{TABLE.name} is stale: run python scripts/known_plugins.py\n")
        return 1
    TABLE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
