"""What was passed over, and why: kept in bounds, however many there are."""

from __future__ import annotations

from imagerag_datasets.names import shown

MOST = 100_000
"""Problems that are kept by name; of more, only the number is."""


class Problems(list[tuple[str, str]]):
    """A list of (name, reason). After `MOST` of them it only counts, in its last entry."""

    def __init__(self, most: int = MOST) -> None:
        """Keep up to `most`."""
        super().__init__()
        self._most = most
        self._more = 0

    def note(self, name: str, reason: str) -> None:
        """Add one."""
        if len(self) < self._most:
            self.append((shown(name), reason))
            return
        self._more += 1
        last = ("…", f"and {self._more:,} more, which are not listed")
        if self._more == 1:
            self.append(last)
        else:
            self[-1] = last
