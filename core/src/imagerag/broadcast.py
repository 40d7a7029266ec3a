"""Events of one run, handed to every plugin and listener that wants them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

from imagerag.events import Event
from imagerag.registry import Registry
from imagerag.under_way import RUN

log = logging.getLogger("imagerag")

Listener = Callable[[Event], None]

_numbers = count(1)


def _by_keyword(call: Callable[..., object]) -> Listener:
    """Call a hook the way pluggy wants it, with its argument named."""

    def send(event: Event) -> None:
        call(event=event)

    return send


class Broadcast:
    """Sends events; a receiver that raises is reported once and not called again."""

    def __init__(self, registry: Registry, listener: Listener | None = None) -> None:
        self._number = next(_numbers)
        caller = registry.manager.hook.imagerag_event
        # A subset caller for each plugin, so that one failing does not keep the event from others.
        plugins = [(i.plugin_name, i.plugin) for i in caller.get_hookimpls()]
        self._receivers: dict[str, Listener] = {}
        for name, plugin in plugins:
            others = [other for _, other in plugins if other is not plugin]
            subset = registry.manager.subset_hook_caller("imagerag_event", others)
            self._receivers[name] = _by_keyword(subset)
        if listener is not None:
            self._receivers["listener"] = listener

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._receivers)

    def send(self, event: Event) -> None:
        """Hand one event to every receiver that still works, with this session's number."""
        if not self._receivers:
            return
        event = replace(event, session=self._number)
        for name, receive in list(self._receivers.items()):
            try:
                receive(event)
            except Exception as error:
                self._receivers.pop(name, None)
                log.warning("%s failed on an event and is switched off: %r", name, error)

    @contextmanager
    def stage(self, name: str, seconds: dict[str, float]) -> Iterator[None]:
        """Announce a stage's start and end, and add its wall time to `seconds[name]`."""
        self.send(Event("started", name))
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            seconds[name] = seconds.get(name, 0.0) + spent
            self.send(Event("finished", name, seconds=spent))

    def advance(self, stage: str, done: int, total: int) -> None:
        """Report steps done inside a stage."""
        self.send(Event("advanced", stage, done, total, run=RUN.get()))
