"""Write the table of systems in docs/reference/systems.md, from what the components say themselves.

Each component of the workspace's plugins is built with its default options, which loads nothing,
and asked for its facts; generators are asked for their capability too.

    python scripts/systems.py            write docs/reference/systems.md
    python scripts/systems.py --check    exit with 1 where the page is stale
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imagerag import Registry
from imagerag.errors import ImageRAGError
from imagerag.roles import Context
from imagerag.values import Capability, Facts

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/reference/systems.md"
START, END = "<!-- systems -->", "<!-- /systems -->"
ROLES = ("generator", "critic", "encoder", "reranker", "retriever", "metric")
HEADS = {
    "generator": "| name | of | model | class | licence | references | memory | proven |",
    "other": "| name | of | model | class | licence | memory | proven |",
}


def ours() -> set[str]:
    """Return the distributions of the workspace."""
    files = [ROOT / "core/pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]
    return {tomllib.loads(file.read_text(encoding="utf-8"))["project"]["name"] for file in files}


def described(registry: Registry, role: str) -> Iterator[tuple[str, str, Facts, Capability | None]]:
    """Yield (name, distribution, facts, capability) of each component of a role."""
    for offered in registry.offers(role):
        if offered.distribution not in ours():
            continue
        component = built(registry, role, offered.spelling)
        if component is not None:
            capability = component.capability() if role == "generator" else None
            yield offered.name, offered.distribution, component.facts(), capability


def built(registry: Registry, role: str, name: str) -> Any:
    """Build a component with its default options; None for one that is nothing by itself."""
    config = registry.config_class(role, name)()
    with tempfile.TemporaryDirectory() as folder:
        context = Context(component=lambda wanted: _nothing(wanted), cache_dir=Path(folder))
        try:
            return registry.component_class(role, name)(config, context)
        except ImageRAGError:
            # A strategy over other components has no facts before it is told which.
            return None


def _nothing(role: str) -> Any:
    raise ImageRAGError(f"no {role} is configured")


def rows(registry: Registry, role: str) -> Iterator[str]:
    """Yield the rows of one role's table."""
    for name, distribution, facts, capability in described(registry, role):
        if capability is None and not facts.implementation:
            continue
        licence = facts.licence or (capability.licence if capability else None)
        commercial = capability.commercial if capability else facts.commercial
        if facts.commercial is not None:
            commercial = facts.commercial
        memory = facts.memory_gb
        if memory is None and capability is not None:
            memory = capability.memory_gb
        cells = [f"`{name}`", f"`{distribution}`", _model(facts), _code(facts.implementation)]
        cells.append(_licence(licence, commercial))
        if capability is not None:
            cells.append(_references(capability))
        cells += ["unmeasured" if memory is None else f"{memory:g} GB", facts.proven or "–"]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _code(text: str) -> str:
    return f"`{text}`" if re.fullmatch(r"[\w.]+", text) else text or "–"


def _model(facts: Facts) -> str:
    if not facts.model:
        return "–"
    revision = "" if facts.revision == facts.model else facts.revision  # a dated name is both
    short = revision[:12] if re.fullmatch(r"[0-9a-f]{40}", revision) else revision
    return f"{facts.model}" + (f" at `{short}`" if short else "")


def _licence(licence: str | None, commercial: bool | None) -> str:
    told = {True: "", False: ", no commercial use", None: ""}[commercial]
    return f"{licence or 'unknown'}{told}"


def _references(capability: Capability) -> str:
    if capability.max_references == 0:
        return "none: text only"
    most, best = capability.max_references, capability.recommended_references
    told = f"≤ {most}" + (f", best {best}" if best and best != most else "")
    return told + (f", as `{capability.reference_syntax}`" if capability.reference_syntax else "")


def tables() -> str:
    """Return all tables."""
    registry = Registry()
    parts = []
    for role in ROLES:
        lines = list(rows(registry, role))
        if lines:
            head = HEADS.get(role, HEADS["other"])
            rule = "|" + "---|" * (head.count("|") - 1)
            parts.append("\n".join([f"## {role.capitalize()}s", "", head, rule, *lines]))
    return "\n\n".join(parts)


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description="Derive docs/reference/systems.md.")
    parser.add_argument("--check", action="store_true", help="change nothing; 1 where it is stale")
    arguments = parser.parse_args()
    before = PAGE.read_text(encoding="utf-8")
    head, _, rest = before.partition(START)
    tail = rest.partition(END)[2]
    after = f"{head}{START}\n\n{tables()}\n\n{END}{tail}"
    if arguments.check:
        if before == after:
            return 0
        sys.stderr.write(f"{PAGE.name} is stale: run python scripts/systems.py\n")
        return 1
    PAGE.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
