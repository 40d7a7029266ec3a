"""The rules that the conformance suites hold components to."""

from __future__ import annotations

from docs_site.writing import cell, code, table
from imagerag.testing import rules


def page() -> str:
    """Return the page: a table for each role, those for every role first."""
    parts = [
        "# Every rule of the suites",
        "Made from `imagerag.testing.rules()`. `imagerag plugins check NAME` holds a component to "
        "them. A new rule has a higher level than those before it, so that nobody's tests turn red "
        "by an upgrade.",
    ]
    found: dict[str, list[tuple[str, str, str]]] = {}
    for rule in rules():
        row = (code(rule.name), str(rule.level), cell(rule.sentence))
        found.setdefault(rule.role, []).append(row)
    for role, rows in found.items():
        parts += [f"## {role}", table(("rule", "level", "it says"), rows)]
    return "\n\n".join(parts) + "\n"
