"""Progress that a terminal and a notebook both show, and that a script can switch off."""

from __future__ import annotations

from typing import Any

from imagerag.events import Event

WORDS = {
    "draft": "painting a draft",
    "review": "looking for what is missing",
    "retrieve": "retrieving references",
    "generate": "painting with references",
    "compare": "comparing the two",
}
"""What each stage of the loop is called on the screen."""


class Progress:
    """Shows one bar for the stage that is running; a listener for events.

    `shown` is True, False, or None to show it only where standard error is a terminal or the code
    runs in a notebook.
    """

    def __init__(self, shown: bool | None = None) -> None:
        self._shown = shown
        self._bar: Any = None

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if self._shown is False:
            return
        if event.kind == "started":
            self._open(WORDS.get(event.stage, event.stage))
        elif event.kind == "advanced" and self._bar is not None:
            self._bar.total = event.total or None
            self._bar.update(event.done - self._bar.n)
        elif event.kind == "finished":
            self.clear()

    def _open(self, words: str) -> None:
        from tqdm.auto import tqdm

        self.clear()
        self._bar = tqdm(
            desc=words,
            total=None,
            leave=False,
            disable=None if self._shown is None else False,
            bar_format="{desc} {bar:20} {n_fmt}/{total_fmt} [{elapsed}]",
        )

    def clear(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
