"""What components report while a run is under way: costs, and decisions of their own."""

from __future__ import annotations

import threading
from dataclasses import replace

from imagerag.run import Decision
from imagerag.values import Usage


class Account:
    """Collects the ledger and the decisions of one run; components may report from any thread."""

    def __init__(self) -> None:
        self.ledger: list[Usage] = []
        self.decisions: list[Decision] = []
        self._lock = threading.Lock()

    def spend(self, component: str, usage: Usage) -> None:
        """Write a line of the ledger; `component` names whoever did not name itself."""
        named = usage if usage.component else replace(usage, component=component)
        with self._lock:
            self.ledger.append(named)

    def decide(self, stage: str, decision: str, reason: str) -> None:
        """Write a decision."""
        with self._lock:
            self.decisions.append(Decision(stage, decision, reason))
