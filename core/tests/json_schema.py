"""Just enough of JSON Schema (draft 2020-12) to check a value against pydantic's schemas."""

from __future__ import annotations

from typing import Any

TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}
KNOWN = {
    *("$defs", "$ref", "title", "description", "default", "type", "properties", "required"),
    *("additionalProperties", "anyOf", "oneOf", "enum", "const", "items", "minimum", "maximum"),
    *("exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems", "minLength", "maxLength"),
    *("prefixItems", "pattern", "format"),
}


def problems(schema: dict[str, Any], value: Any, root: dict[str, Any], at: str = "$") -> list[str]:
    """Return what is wrong with `value`, and with the schema itself."""
    found = [f"{at}: schema keyword {key!r} is not known" for key in schema if key not in KNOWN]
    if "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            if part not in target:
                return [*found, f"{at}: dangling {schema['$ref']!r}"]
            target = target[part]
        found += problems(target, value, root, at)
    wanted = schema.get("type")
    if wanted and not isinstance(value, TYPES[wanted]):
        return [*found, f"{at}: {value!r} is not of type {wanted}"]
    if wanted in ("integer", "number") and isinstance(value, bool):
        found.append(f"{at}: {value!r} is not a number")
    for key, several in (("anyOf", False), ("oneOf", True)):
        if key in schema:
            fits = sum(not problems(one, value, root, at) for one in schema[key])
            if fits == 0 or (several and fits > 1):
                found.append(f"{at}: {value!r} fits {fits} branches of {key}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is none of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{at}: {value!r} is not {schema['const']!r}")
    if "minimum" in schema and value < schema["minimum"]:
        found.append(f"{at}: {value!r} is below {schema['minimum']}")
    if "maximum" in schema and value > schema["maximum"]:
        found.append(f"{at}: {value!r} is above {schema['maximum']}")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found += [f"{at}: {k!r} is missing" for k in schema.get("required", ()) if k not in value]
        for key, part in value.items():
            if key in known:
                found += problems(known[key], part, root, f"{at}.{key}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{at}: unknown key {key!r}")
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for number, part in enumerate(value):
            found += problems(schema["items"], part, root, f"{at}[{number}]")
    return found
