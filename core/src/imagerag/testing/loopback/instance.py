"""A value that satisfies a JSON schema: what a model would answer that has nothing to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DEEPEST = 20


def instance(schema: Mapping[str, Any] | None, *, word: str = "hedgehog") -> Any:
    """Return a small value of `schema`; texts are `word`, booleans false, numbers the least.

    Understands what strict schemas of models use: types, properties, items, enum, const, anyOf,
    `$ref` to `$defs`, minItems, minimum. Without a schema: `{"answer": word}`.
    """
    if not schema:
        return {"answer": word}
    return _value(schema, schema, word, 0)


def _value(schema: Mapping[str, Any], root: Mapping[str, Any], word: str, depth: int) -> Any:
    if depth > _DEEPEST:
        return None
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        definitions = root.get("$defs") or root.get("definitions") or {}
        return _value(definitions.get(name, {}), root, word, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for union in ("anyOf", "oneOf"):
        if schema.get(union):
            return _value(schema[union][0], root, word, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        named = schema.get("properties", {})
        return {name: _value(part, root, word, depth + 1) for name, part in named.items()}
    if kind == "array":
        count = max(1, int(schema.get("minItems", 1)))
        return [_value(schema.get("items", {}), root, word, depth + 1) for _ in range(count)]
    least = schema.get("minimum", 0)
    simple = {"boolean": False, "integer": int(least), "number": float(least), "null": None}
    return simple.get(kind, word)
