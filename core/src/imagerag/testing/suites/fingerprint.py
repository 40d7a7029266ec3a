"""Fingerprints: what an input was, to be compared with what it is after it was used."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any


def fingerprint(value: Any) -> Any:
    """Return something comparable that changes when `value`, or anything inside it, is changed.

    Pictures and arrays are known by their content, collections by their items, dataclasses by all
    their fields: also by those that do not count where they are compared.
    """
    from PIL.Image import Image

    from imagerag.collection import Collection

    if isinstance(value, Image):
        return "picture", value.mode, value.size, hashlib.sha256(value.tobytes()).hexdigest()
    if isinstance(value, Collection):
        return "collection", value.change, tuple(value.items())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return type(value).__name__, tuple((name, fingerprint(part)) for name, part in fields)
    if isinstance(value, Mapping):
        return "mapping", tuple((key, fingerprint(part)) for key, part in value.items())
    if isinstance(value, list | tuple):
        return type(value).__name__, tuple(fingerprint(part) for part in value)
    if hasattr(value, "tobytes") and hasattr(value, "dtype"):
        return "array", str(value.dtype), tuple(value.shape), value.tobytes()
    return value
