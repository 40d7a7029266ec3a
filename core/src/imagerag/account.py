"""What components report while a run is under way: costs, and decisions of their own.

Several prompts may be under way in one session, each in threads of its own. `charged` says for
which of them a component is called.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from imagerag.run import Decision
from imagerag.under_way import RUN
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

    def take(self, ledger: Sequence[Usage], decisions: Sequence[Decision]) -> None:
        """Take over what was reported elsewhere."""
        with self._lock:
            self.ledger.extend(ledger)
            self.decisions.extend(decisions)


_CHARGED: ContextVar[Account | None] = ContextVar("imagerag_charged", default=None)


@contextmanager
def charged(account: Account, run: int) -> Iterator[None]:
    """Let what components report here be for `account`, and be heard of as run number `run`.

    It holds for this thread, or this task, alone.
    """
    account_before, run_before = _CHARGED.set(account), RUN.set(run)
    try:
        yield
    finally:
        _CHARGED.reset(account_before)
        RUN.reset(run_before)


def account_here(otherwise: Account) -> Account:
    """Return the account of whoever is charged here, `otherwise` where nobody is."""
    return _CHARGED.get() or otherwise
