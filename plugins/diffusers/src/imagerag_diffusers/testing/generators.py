"""Builds generators for tests; those with equal options are one, so that loads stay few."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from imagerag.roles import Context, Generator

G = TypeVar("G", bound=Generator)


class Progress(list[tuple[str, int, int]]):
    """Collects progress as a context's `progress`: (stage, done, total)."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Note one report."""
        self.append((stage, done, total))


class StoppedError(Exception):
    """What a test raises from `progress` to end a call."""


class Maker(Generic[G]):
    """Makes generators of one class: `make(steps=3)` is one with these options.

    Args:
        kind: The generator's class.
        config: Its configuration's class.
        cache: A folder for the context.
        defaults: Options where a call names no others.
    """

    def __init__(
        self,
        kind: Callable[[Any, Context], G],
        config: Callable[..., Any],
        cache: Path,
        defaults: Mapping[str, Any],
    ) -> None:
        self._kind, self.config, self._cache = kind, config, cache
        self.defaults = dict(defaults)
        self._made: dict[str, G] = {}

    def __call__(
        self,
        *,
        fresh: bool = False,
        progress: Callable[[str, int, int], None] | None = None,
        **options: Any,
    ) -> G:
        """Return a generator; a `fresh` one, or one with `progress`, is shared with nobody."""
        options = {**self.defaults, **options}
        key = repr(sorted(options.items()))
        if not fresh and progress is None and key in self._made:
            return self._made[key]
        made = self._kind(self.config(**options), self._context(progress))
        if not fresh and progress is None:
            self._made[key] = made
        return made

    def _context(self, progress: Callable[[str, int, int], None] | None) -> Context:
        def component(role: str) -> Any:
            raise AssertionError(f"a generator asked for the component {role!r}")

        return Context(
            component=component,
            cache_dir=self._cache,
            progress=(lambda stage, done, total: None) if progress is None else progress,
        )
