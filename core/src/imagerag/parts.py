"""The components inside another's table, built when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class Parts(Sequence[Any]):
    """A sequence of components, each built when it is first indexed."""

    def __init__(self, build: Callable[[int], Any], count: int) -> None:
        self._build = build
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._build(number) for number in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        return self._build(index % self._count)
