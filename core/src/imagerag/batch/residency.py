"""Which models are in memory, where they do not all fit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio import to_thread

from imagerag.batch.measuring import resident
from imagerag.errors import ConfigError
from imagerag.roles import Component, Generator
from imagerag.session import Session

MODELS = ("generator", "critic", "encoder")
"""The roles whose models are loaded in turn; what others hold is small, or inside these."""


@dataclass(frozen=True)
class Moved:
    """A model was loaded (at the first call after this) or unloaded; `memory` in bytes then."""

    component: str
    event: str
    memory: int


@dataclass
class Residency:
    """Lets calls begin when the models they need are in memory, and unloads others for them.

    None is unloaded before every prompt under way waits for a model that is not there. So each has
    the whole window's work when its turn comes: it is loaded for each window of prompts and never
    for each prompt.

    Args:
        limit: Gigabytes that the models may take together; None keeps all loaded.
        sizes: Gigabytes of the model of each role; a role that is not named takes none.
        unload: What closes the component of a role.
        quiet: Whether every prompt that can be under way waits for a model of a role that is not
            among those given, which are ready.
    """

    limit: float | None
    sizes: Mapping[str, float]
    unload: Callable[[str], None]
    quiet: Callable[[set[str]], bool]
    moved: list[Moved] = field(default_factory=list)
    _loaded: set[str] = field(default_factory=set)
    _users: dict[str, int] = field(default_factory=dict)
    _changed: anyio.Event = field(default_factory=anyio.Event)
    _moving: anyio.Lock = field(default_factory=anyio.Lock)

    @asynccontextmanager
    async def holding(self, *roles: str) -> AsyncIterator[None]:
        """Keep the models of these roles in memory while inside."""
        wanted = {role for role in roles if self._size(role)}
        if self.limit is not None and wanted:
            await self._enter(wanted)
        try:
            yield
        finally:
            if self.limit is not None and wanted:
                for role in wanted:
                    self._users[role] -= 1
                self.stir()

    def stir(self) -> None:
        """Let those who wait look again: something has changed."""
        if self.limit is None:
            return
        self._changed.set()
        self._changed = anyio.Event()

    async def _enter(self, wanted: set[str]) -> None:
        while True:
            changed = self._changed
            async with self._moving:
                if self._make_room(wanted):
                    for role in sorted(wanted - self._loaded):
                        self._loaded.add(role)
                        self.moved.append(Moved(role, "load", resident()))
                    for role in wanted:
                        self._users[role] = self._users.get(role, 0) + 1
                    return
                ready = {role for role in MODELS if role in self._loaded or not self._size(role)}
                if not any(self._users.values()) and self.quiet(ready):
                    for role in sorted(self._loaded - wanted):
                        await to_thread.run_sync(self.unload, role)
                        self._loaded.discard(role)
                        self.moved.append(Moved(role, "unload", resident()))
                        if self._fits(self._loaded | wanted):
                            break
                    continue
            await changed.wait()

    def _size(self, role: str) -> float:
        return self.sizes.get(role, 0.0)

    def _make_room(self, wanted: set[str]) -> bool:
        return self._fits(self._loaded | wanted)

    def _fits(self, roles: set[str]) -> bool:
        assert self.limit is not None
        return sum(self.sizes[role] for role in roles) <= self.limit


def sizes_of(session: Session, limit: float | None, copies: int) -> dict[str, float]:
    """Return what the model of each role takes, in gigabytes, as the components themselves say.

    One that does not say is taken to need all there is. Raises `ConfigError` where one does not fit
    by itself.
    """
    if limit is None:
        return {}
    found: dict[str, float] = {}
    for role in MODELS:
        component = session.built().get(role)
        if component is None or component.remote:
            continue
        size = _gigabytes(component, limit) * (copies if role == "generator" else 1)
        if size > limit:
            raise ConfigError(
                f"[batch] memory = {limit:g} is less than the {role} {session.use(role)!r} takes "
                f"by itself, {size:g}: allow more, or choose another."
            )
        found[role] = size
    return found


def _gigabytes(component: Component, unknown: float) -> float:
    facts = component.facts()
    size = facts.memory_gb
    if size is None and isinstance(component, Generator):
        size = component.capability().memory_gb
    if size is None:
        return unknown if facts.model else 0.0
    return size
