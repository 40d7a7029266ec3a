"""Values as JSON has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any


def plain(value: Any) -> Any:
    """Return a value as JSON would give it back, at any depth.

    Lists stand for tuples, objects for mappings and for dataclasses.
    """
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if is_dataclass(value):
        return {key: plain(part) for key, part in vars(value).items()}
    return value
