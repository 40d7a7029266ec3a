"""Watching a batch: a view that is kept up to date in a terminal, and plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TextIO

from imagerag.events import Event
from imagerag.text import clean

REDRAWN = 0.1
"""Seconds between two pictures of the view: events may come thousands of times a second."""

SAID = 10.0
"""Seconds between two plain lines."""

WINDOW = 60.0
"""Seconds over which the rate is taken: prompts differ, and a batch that stalls has to show it."""

PLACES = {
    "paint": "painting",
    "ask": "asking the critic",
    "search": "searching",
    "order": "re-ranking",
    "fetch": "fetching references",
}
"""What the places of a batch are called on the screen; others go by their own name."""


class BatchView:
    """Shows how a batch fares; a listener for events.

    In a terminal two lines are kept up to date: rows done, rate, time left, dollars and failures,
    and what is under way and waiting at each place. Elsewhere, in a log for example, a line is said
    every ten seconds, and the first failure of each kind at once. Events may come from any thread.

    Args:
        shown: True, False, or None to look whether the stream is a terminal; False shows nothing.
        stream: Where to write; standard error where None.
        clock: Gives seconds that never go back.
    """

    def __init__(
        self,
        shown: bool | None = None,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream or sys.stderr
        self._off = shown is False
        self._live = self._stream.isatty() if shown is None else bool(shown)
        self._clock = clock
        self._lock = threading.Lock()
        self._bars: list[Any] = []
        self._levels: dict[str, tuple[int, int]] = {}
        self._finished: deque[tuple[float, int]] = deque()
        self._done = self._total = self._failed = 0
        self._usd: float | None = None
        self._reasons: set[str] = set()
        self._due = 0.0

    def __call__(self, event: Event) -> None:
        """Take note of an event, and show it when it is time to."""
        if self._off:
            return
        with self._lock:
            self._note(event)
            now = self._clock()
            if event.stage == "batch" and event.kind == "started":
                self._open(now)
            elif event.stage == "batch" and event.kind == "finished":
                self._end(event)
            elif now >= self._due and self._total:
                self._show(now)

    def _note(self, event: Event) -> None:
        if event.kind == "level":
            self._levels[event.stage] = (event.done, event.waiting)
        elif event.stage == "run" and event.kind == "failed":
            self._failed += 1
            self._tell_once(event)
        elif event.stage == "batch":
            self._done, self._total = event.done, event.total
            self._usd = self._usd if event.usd is None else event.usd
            now = self._clock()
            if not self._finished or now - self._finished[-1][0] >= REDRAWN:
                self._finished.append((now, event.done))

    def _tell_once(self, event: Event) -> None:
        """Say a failure of a new kind at once: a batch that fails throughout is to be stopped."""
        reason = clean(event.note)
        kind = "".join(char for char in reason if not char.isdigit())[:40]
        if kind in self._reasons:
            return
        self._reasons.add(kind)
        self._line(f"row {event.run} failed: {reason}")

    def _line(self, text: str) -> None:
        if self._bars:
            self._bars[0].write(text, file=self._stream)
        else:
            self._stream.write(text + "\n")
            self._stream.flush()

    def _open(self, now: float) -> None:
        if self._live:
            from tqdm import tqdm

            self._bars = [
                tqdm(
                    total=self._total,
                    initial=self._done,
                    file=self._stream,
                    leave=False,
                    dynamic_ncols=True,
                    bar_format="{bar:24} {desc}",
                    mininterval=0,
                ),
                tqdm(
                    file=self._stream,
                    leave=False,
                    dynamic_ncols=True,
                    bar_format="{desc}",
                    position=1,
                    mininterval=0,
                ),
            ]
        self._show(now)

    def _show(self, now: float) -> None:
        self._due = now + (REDRAWN if self._live else SAID)
        if not self._bars:
            places = self._places()
            self._line(f"{self._sums(now)}{f' [{places}]' if places else ''}")
            return
        rows, places = self._bars
        rows.n = self._done
        rows.total = self._total
        rows.set_description_str(self._sums(now), refresh=True)
        places.set_description_str(self._places(), refresh=True)

    def _sums(self, now: float) -> str:
        """Return what there is to say of the whole in one line."""
        parts = [f"{self._done} of {self._total} rows"]
        if self._failed:
            parts.append(f"{self._failed} failed")
        rate = self._rate(now)
        if rate:
            parts.append(f"{rate:.1f} a second" if rate >= 1 else f"{rate * 60:.1f} a minute")
            parts.append(f"{_span((self._total - self._done) / rate)} left")
        elif rate is not None:
            parts.append(f"none in the last {_span(now - self._finished[0][0])}")
        if self._usd:
            parts.append(f"${self._usd:.4f} spent")
        return ", ".join(parts)

    def _rate(self, now: float) -> float | None:
        """Return rows a second over the last minute, None before there is anything to tell by."""
        while len(self._finished) > 2 and self._finished[0][0] < now - WINDOW:
            self._finished.popleft()
        since, done = self._finished[0] if self._finished else (now, 0)
        return (self._done - done) / (now - since) if now - since >= 1.0 else None

    def _places(self) -> str:
        return " · ".join(
            f"{PLACES.get(name, name)} {busy}" + (f" + {waiting} waiting" if waiting else "")
            for name, (busy, waiting) in self._levels.items()
            if busy or waiting
        )

    def _end(self, event: Event) -> None:
        for bar in reversed(self._bars):
            bar.close()
        self._bars = []
        spent = f", ${self._usd:.4f} spent" if self._usd else ""
        failed = f", {self._failed} failed" if self._failed else ""
        took = _span(event.seconds)
        self._line(f"{event.done} of {event.total} rows{failed} in {took}{spent}")
        if event.note:
            self._line(clean(event.note))


def _span(seconds: float) -> str:
    """Return a span of time in one or two units: "42 s", "3 min 20 s", "5 h 12 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
