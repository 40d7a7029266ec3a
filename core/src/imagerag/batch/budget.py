"""Keeping to a budget in dollars and seconds: nothing is begun that it cannot pay for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio

from imagerag.batch.halt import Halt
from imagerag.values import Usage


@dataclass
class Limits:
    """What a batch may use; None for no limit.

    Dollars count from the first turn of a batch, so that running the same command again never
    spends more than it says; seconds count from the start of this turn.
    """

    max_usd: float | None = None
    max_seconds: float | None = None
    allow_unknown_price: bool = False


@dataclass
class Budget:
    """What is spent, and what is set aside for calls under way. Kinds of calls are stations.

    A call is taken to cost what the dearest of its kind has cost so far. While none has been paid
    for, one is made alone, to learn the price.
    """

    limits: Limits
    spent: float = 0.0
    unpriced: int = 0
    started: float = field(default_factory=time.monotonic)
    dearest: dict[str, float] = field(default_factory=dict)
    """The most that one call of a kind has cost so far, earlier turns included."""
    _longest: dict[str, float] = field(default_factory=dict)
    _aside: dict[str, int] = field(default_factory=dict)
    _changed: anyio.Event = field(default_factory=anyio.Event)
    _awaited: bool = False

    def left(self) -> float:
        """Return the seconds that are left, infinite without a limit."""
        if self.limits.max_seconds is None:
            return float("inf")
        return self.started + self.limits.max_seconds - time.monotonic()

    async def set_aside(self, kind: str) -> Halt | None:
        """Set the price of one call aside, or return why it must not be made."""
        while self._must_wait(kind):
            self._awaited = True
            await self._changed.wait()
        halt = self._over(kind)
        if halt is None:
            self._aside[kind] = self._aside.get(kind, 0) + 1
        return halt

    def _must_wait(self, kind: str) -> bool:
        """Say whether calls under way decide if there is money for another."""
        limit = self.limits.max_usd
        if limit is None or self._over(kind) is not None:
            return False
        if kind not in self.dearest:
            return self._aside.get(kind, 0) > 0
        promised = sum(n * self.dearest.get(one, 0.0) for one, n in self._aside.items())
        return self.spent + promised + self.dearest[kind] > limit

    def _over(self, kind: str) -> Halt | None:
        left = self.left()
        if left <= 0 or left < self._longest.get(kind, 0.0) / 2:
            return self.out_of_time()
        limit = self.limits.max_usd
        if limit is None:
            return None
        if self.unpriced and not self.limits.allow_unknown_price:
            return Halt(
                "budget",
                f"{_calls(self.unpriced)} of unknown price: no budget in dollars can be kept to. "
                "Give `priced_as` or `free` in the component's table, or allow it with "
                "--allow-unknown-price.",
                4,
            )
        if self.spent >= limit or self.spent + self.dearest.get(kind, 0.0) > limit:
            return Halt(
                "budget",
                f"the budget of {limit:g} US dollars is reached: {self.spent:.4f} are spent. Run "
                "the same command with a larger --max-usd to go on.",
                4,
            )
        return None

    def out_of_time(self) -> Halt:
        """Return the end that comes when the seconds are used up."""
        return Halt(
            "budget",
            f"the budget of {self.limits.max_seconds:g} seconds is reached. Run the same command "
            "again to go on.",
            4,
            at_once=True,
        )

    def settle(self, kind: str, ledger: Sequence[Usage], seconds: float = 0.0) -> None:
        """Count what a call has cost, and give back what was set aside for it."""
        self._aside[kind] -= 1
        known = sum(line.usd for line in ledger if line.usd is not None)
        self.spent += known
        self.unpriced += sum(line.usd is None for line in ledger)
        self.dearest[kind] = max(known, self.dearest.get(kind, 0.0))
        self._longest[kind] = max(seconds, self._longest.get(kind, 0.0))
        if self._awaited:
            self._awaited = False
            self._changed.set()
            self._changed = anyio.Event()


def _calls(count: int) -> str:
    return "one call was" if count == 1 else f"{count} calls were"
