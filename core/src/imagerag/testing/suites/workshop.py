"""The workshop: builds the component under test as a run would, with a run around it.

Its configuration is validated by the class that its offer names, tables of other components inside
it are built, and what it asks its context for is there: the doubles, or what the suite names beside
it. No pytest is needed here, so that a fresh process can do the same (see `probe`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from types import MappingProxyType
from typing import Any

from imagerag.chosen import Chosen
from imagerag.collection import Collection
from imagerag.config import choose
from imagerag.hooks import GROUP
from imagerag.installed import installed
from imagerag.parts import Parts
from imagerag.registry import Registry
from imagerag.roles import Context, Role
from imagerag.session import Session
from imagerag.toml_source import TomlSource
from imagerag.values import Usage

DOUBLES = "imagerag.testing.plugin"

BESIDE: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "generator": {"use": "seeded", "width": 64, "height": 64},
        "conditioner": {"use": "plain"},
        "critic": {"use": "scripted"},
        "encoder": {"use": "hashing"},
        "retriever": {"use": "memory"},
    }
)
"""The run around a component, where the suite names no other: doubles, which need no model."""


@cache
def registry_with(plugin: str = "") -> Registry:
    """Return what is installed, the doubles, and the plugin module named, installed or not."""
    there = [each.point for each in installed() if each.point is not None]
    known = {point.value for point in there}
    more = [module for module in (DOUBLES, plugin) if module and module not in known]
    return Registry([*there, *(EntryPoint(module, module, GROUP) for module in more)])


@dataclass
class Diary:
    """What the components of a workshop told their run."""

    asked: list[str] = field(default_factory=list)
    """The roles of the other components that they asked for."""

    spent: list[Usage] = field(default_factory=list)
    decided: list[tuple[str, str, str]] = field(default_factory=list)
    progressed: list[tuple[str, int, int]] = field(default_factory=list)


class Workshop:
    """Builds components of one offer with the same options, as many as are asked for.

    `folder` is for what they keep; `collection` is the path of the run's collection, None for a
    run without one.
    """

    def __init__(
        self,
        role: Role,
        use: str,
        folder: Path,
        *,
        plugin: str = "",
        options: Mapping[str, Any] | None = None,
        beside: Mapping[str, Mapping[str, Any]] | None = None,
        collection: Path | None = None,
    ) -> None:
        """Find the offer and validate the options; nothing is imported but the configuration.

        Raises:
            PluginError: There is no such offer, or its plugin is broken.
            ConfigError: The options are wrong.
        """
        self.role, self.use, self.folder = role, use, folder
        self.beside = {**BESIDE, **(beside or {})}
        self.collection = collection
        self.registry = registry_with(plugin)
        self.offered = self.registry.find(role, use)
        self.config_class = self.registry.config_class(role, use)
        self.chosen = self._choose(options or {})
        self.diary = Diary()
        self._open: list[Any] = []

    @property
    def config(self) -> Any:
        """The validated options."""
        return self.chosen.options

    @property
    def component_class(self) -> Any:
        """The class that the offer names."""
        return self.registry.component_class(self.role, self.use)

    def plugin_modules(self) -> list[str]:
        """Return the modules of hooks of the distribution that the offer comes from."""
        return [
            plugin.module
            for plugin in self.registry.plugins
            if plugin.distribution == self.offered.distribution and not plugin.error
        ]

    def build(
        self,
        *,
        collection: Path | None = None,
        options: Mapping[str, Any] | None = None,
        beside: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Any:
        """Return a fresh component. What is not given is as it is for the workshop."""
        chosen = self.chosen if options is None else self._choose(options)
        path = collection or self.collection
        surroundings: dict[str, Any] = {**self.beside, **(beside or {})}
        surroundings |= {role: inside.resolved() for role, inside in chosen.scoped.items()}
        if path is not None:
            surroundings["collection"] = str(path)
        session = self._session(surroundings)

        def component(role: Role) -> Any:
            self.diary.asked.append(role)
            return session.component(role)

        context = Context(
            component=component,
            cache_dir=self.folder / "cache",
            collection=None if path is None else self.opened(path),
            progress=lambda *told: self.diary.progressed.append(told),
            spend=self.diary.spent.append,
            decide=lambda *told: self.diary.decided.append(told),
            parts={
                option: Parts(self._part(inside, surroundings), len(inside))
                for option, inside in chosen.parts.items()
            },
        )
        made = self.component_class(chosen.options, context)
        self._open.append(made)
        return made

    def opened(self, path: Path) -> Collection:
        """Return a collection, which is closed with the workshop."""
        collection = Collection.open(path)
        self._open.append(collection)
        return collection

    def neighbour(self, role: Role, **options: Any) -> Any:
        """Return the run's component of another role, with further options where there are any."""
        table = {**self.beside[role], **options}
        return self._session({**self.beside, role: table}).component(role)

    def close(self) -> None:
        """Close all that was built; whether closing works has a rule of its own."""
        opened, self._open = self._open[::-1], []
        for each in opened:
            with suppress(Exception):
                each.close()

    def _session(self, surroundings: Mapping[str, Any]) -> Session:
        session = Session.from_config(surroundings, registry=self.registry)
        self._open.append(session)
        return session

    def _part(
        self, inside: tuple[Chosen, ...], surroundings: Mapping[str, Any]
    ) -> Callable[[int], Any]:
        """Return what builds the parts of one option, each once."""
        built: dict[int, Any] = {}

        def build(number: int) -> Any:
            if number not in built:
                part = inside[number]
                session = self._session({**surroundings, part.role: part.resolved()})
                built[number] = session.component(part.role)  # type: ignore[arg-type]
            return built[number]

        return build

    def _choose(self, options: Mapping[str, Any]) -> Chosen:
        table = {**options, "use": self.use}
        source = TomlSource("the suite's options", {self.role: table})
        return choose(self.role, table, self.registry, [source])
