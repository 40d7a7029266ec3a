"""Which pictures are painted in one call of the pipeline.

Matrix products of another batch size differ in their last bits, so a picture would depend on how
many others are asked for with it. Every call therefore holds exactly `batch_size` pictures: what is
lacking is filled up with copies, which are thrown away.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One call of the pipeline: indexes of the pictures asked for, and the size it is filled to."""

    indexes: tuple[int, ...]
    size: int

    def rows(self, requests: Sequence[T]) -> list[T]:
        """Return the requests of this call, the last one repeated until the call is full."""
        rows = [requests[index] for index in self.indexes]
        return rows + rows[-1:] * (self.size - len(rows))


def calls(companies: Sequence[Hashable | None], batch_size: int) -> list[Call]:
    """Return the calls that paint all pictures, those with equal companies together.

    Args:
        companies: For each picture what it must have in common with others of its call, or None
            for a picture that the pipeline can only paint alone.
        batch_size: How many pictures a call holds.
    """
    groups: dict[tuple[bool, Hashable], list[int]] = {}
    for index, company in enumerate(companies):
        key = (True, index) if company is None else (False, company)
        groups.setdefault(key, []).append(index)
    found = []
    for (alone, _), indexes in groups.items():
        size = 1 if alone else batch_size
        found += [
            Call(tuple(indexes[start : start + size]), size)
            for start in range(0, len(indexes), size)
        ]
    return found
