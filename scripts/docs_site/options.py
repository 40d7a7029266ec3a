"""Every option of every component, and every preset, from the plugins that are installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs_site.writing import cell, code, sentence, table, value
from imagerag import Registry
from imagerag.component_config import parts_of
from imagerag.hooks import ROLE_HOOKS
from imagerag.resources import local

_BOUNDS = {
    "minimum": "≥ {}",
    "maximum": "≤ {}",
    "exclusiveMinimum": "> {}",
    "exclusiveMaximum": "< {}",
}


def pages(registry: Registry, ours: set[str]) -> dict[str, str]:
    """Return {page: Markdown}, one page for each role."""
    found = {}
    for role in ROLE_HOOKS:
        told = [
            _component(registry, role, o) for o in registry.offers(role) if o.distribution in ours
        ]
        head = (
            f"# Options of {role}s\n\nWhat may stand in the table of each {role}, beside `use`. "
            "Made from the plugins' own definitions; `imagerag plugins info NAME` prints the same."
        )
        if told:
            found[f"reference/options/{role}.md"] = "\n\n".join([head, *told]) + "\n"
    return found


def _component(registry: Registry, role: str, offered: Any) -> str:
    model = registry.config_class(role, offered.spelling)
    parts = [
        f"## {offered.name}",
        f"{sentence(offered.offer.summary)} From `{offered.distribution}`.",
    ]
    facts = []
    if offered.offer.remote:
        facts.append("It is remote: what it is given leaves this machine.")
    if offered.offer.needs:
        facts.append("It needs " + ", ".join(code(n) for n in offered.offer.needs) + ".")
    if offered.offer.keys:
        facts.append(
            "It reads from the environment: " + ", ".join(map(code, offered.offer.keys)) + "."
        )
    if facts:
        parts.append(" ".join(facts))
    schema = model.model_json_schema()
    rows = list(rows_of(schema, parts_of(model)))
    parts.append(
        table(("option", "takes", "default", "meaning"), rows) if rows else "It has no options."
    )
    return "\n\n".join(parts)


def rows_of(schema: dict[str, Any], parts: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """Yield (option, what it takes, default, meaning) of a configuration class's schema."""
    definitions = schema.get("$defs", {})
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        takes = f"table of a {parts[name]}" if name in parts else kind(field, definitions)
        default = "required" if name in required else value(field.get("default"))
        yield code(name), takes, default, cell(field.get("description", ""))
        for reference in _references(field):
            nested = definitions[reference]
            for row in rows_of({**nested, "$defs": definitions}, {}):
                yield f"{code(name)} . {row[0]}", *row[1:]


def _references(field: dict[str, Any]) -> list[str]:
    """Return the tables that a field's value is, or is a list of."""
    found = []
    for one in (field, *field.get("anyOf", ()), field.get("items", {})):
        name = one.get("$ref", "").rpartition("/")[2] if isinstance(one, dict) else ""
        if name:
            found.append(name)
    return found


def kind(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Say what a field takes, in words."""
    if "$ref" in field:
        return kind(definitions[field["$ref"].rpartition("/")[2]], definitions)
    if "enum" in field:
        return ", ".join(value(one) for one in field["enum"])
    if "const" in field:
        return value(field["const"])
    for union in ("anyOf", "oneOf", "allOf"):
        if union in field:
            told = [kind(one, definitions) for one in field[union] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(told))
    if field.get("type") == "array":
        return _list(field, definitions)
    if field.get("type") == "object":
        inner = field.get("additionalProperties")
        return f"table of {kind(inner, definitions)}" if isinstance(inner, dict) else "table"
    plain = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true, false",
    }
    bounds = [told.format(f"{field[key]:g}") for key, told in _BOUNDS.items() if key in field]
    return " ".join(
        [plain.get(field.get("type", ""), "any value"), cell(", ".join(bounds))]
    ).strip()


def _list(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "prefixItems" in field:
        each = [kind(one, definitions) for one in field["prefixItems"]]
        return f"list of {len(each)}: {', '.join(dict.fromkeys(each))}"
    inner = field.get("items", {})
    return f"list of {kind(inner, definitions)}" if inner else "list"


def presets(registry: Registry, ours: set[str]) -> str:
    """Return the page of presets: each with its file as it is."""
    parts = [
        "# Presets",
        "Each is a file of its plugin. `imagerag init NAME` writes a copy to change, "
        "`imagerag config explain NAME` says what it means and costs.",
    ]
    for offered in registry.presets():
        if offered.distribution in ours:
            package, _, path = offered.offer.resource.partition(":")
            text = Path(local(f"package:{package}/{path}")).read_text(encoding="utf-8")
            parts += [
                f"## {offered.name}",
                f"{sentence(offered.offer.summary)} From `{offered.distribution}`.",
            ]
            parts.append(f"```toml\n{text.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"
