"""The JSON schema of a configuration file, for editors: one branch per installed component."""

from __future__ import annotations

from typing import Any

from imagerag.config import COMPONENT_ROLES, Settings
from imagerag.errors import BrokenPluginError
from imagerag.registry import Registry


def schema(registry: Registry) -> dict[str, Any]:
    """Return the schema; a component whose options cannot be imported is left out."""
    whole = Settings.model_json_schema()
    whole["title"] = "imagerag configuration"
    definitions = whole.setdefault("$defs", {})
    for role in COMPONENT_ROLES:
        branches = []
        for offered in registry.offers(role):
            try:
                model = registry.config_class(role, offered.spelling)
            except BrokenPluginError:
                continue  # `imagerag doctor` names it; the schema serves the rest
            options = model.model_json_schema(ref_template=f"#/$defs/{role}.{{model}}")
            for name, part in options.pop("$defs", {}).items():
                definitions[f"{role}.{name}"] = part
            options["title"] = f"{role} {offered.name}"
            options["description"] = offered.offer.summary
            properties = options.setdefault("properties", {})
            properties["use"] = {"enum": [offered.name, offered.spelling]}
            for inner in COMPONENT_ROLES:
                # A component may bring another of its own for any role: see `Chosen.scoped`.
                if inner not in properties:
                    properties[inner] = {
                        "type": "object",
                        "required": ["use"],
                        "description": f"The {inner} that this component uses instead of the "
                        "run's.",
                    }
            options["required"] = ["use", *options.get("required", [])]
            branches.append(options)
        if branches:
            described = whole["properties"][role].get("description", "")
            whole["properties"][role] = {"description": described, "oneOf": branches}
    return whole
