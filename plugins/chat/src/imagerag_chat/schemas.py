"""The form of each answer as a strict JSON schema.

Strict as OpenAI's structured output wants it: the top is an object, every key is required, no other
is allowed, and no keyword is used that its first models refuse (lengths, ranges, patterns).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]


def _object(**properties: Schema) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(of: Schema) -> dict[str, Any]:
    return {"type": "array", "items": of}


_TEXT: Schema = {"type": "string"}
_CAPTIONED = _object(concept=_TEXT, caption=_TEXT)

REVIEW = _object(
    match={"type": "boolean"}, missing=_list(_CAPTIONED), present=_list(_TEXT), note=_TEXT
)
MATCH = _object(match={"type": "boolean"}, note=_TEXT)
CONCEPTS = _object(concepts=_list(_TEXT), note=_TEXT)
CAPTIONS = _object(captions=_list(_CAPTIONED))
PLAN = _object(concepts=_list(_CAPTIONED), note=_TEXT)
COMPARE = _object(better={"type": "string", "enum": ["first", "second", "tie"]}, note=_TEXT)
CHOOSE = _object(order=_list({"type": "integer"}), note=_TEXT)
EDITS = _object(edits=_list(_TEXT), note=_TEXT)
