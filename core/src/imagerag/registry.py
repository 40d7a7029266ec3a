"""Entry points → plugins → offers → components.

Each entry point is loaded under a guard of its own: pluggy's own loader lets one broken plugin take
the host down, and silently drops the second distribution that uses a name. A plugin's model library
is imported only when one of its components is chosen.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import pluggy

from imagerag import hooks
from imagerag.errors import (
    BrokenPluginError,
    IncompatiblePluginError,
    NameClashError,
    NotInstalledError,
    UnknownComponentError,
    suggestion,
)
from imagerag.hooks import GROUP, ROLE_HOOKS, Command, Offer, Preset
from imagerag.known import home_of, known_names

CORE = "imagerag"

NOBODY = "no-distribution"
"""Owner of an entry point that was handed over by itself, as tests do."""


@dataclass(frozen=True)
class Plugin:
    """One entry point as it was found. `error` is "" for a plugin that works."""

    name: str
    distribution: str
    version: str
    module: str
    seconds: float
    error: str = ""
    incompatible: bool = False


@dataclass(frozen=True)
class Offered:
    """An offer, preset or command together with the distribution it comes from."""

    offer: Any
    distribution: str

    @property
    def name(self) -> str:
        """The offered name, without its distribution."""
        return str(self.offer.name)

    @property
    def spelling(self) -> str:
        """The name that is never ambiguous: `name@distribution`."""
        return f"{self.name}@{self.distribution}"


def import_string(target: str) -> Any:
    """Import "package.module:name"."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


class Registry:
    """All plugins of an environment, and what they offer."""

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] | None = None) -> None:
        """Load every entry point of the group `imagerag`, or just the given ones."""
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hooks)
        self.plugins: list[Plugin] = []
        self._offers: dict[str, list[Offered]] = {}
        found = metadata.entry_points(group=GROUP) if entry_points is None else entry_points
        seen: set[tuple[str, str]] = set()
        for entry_point in sorted(found, key=lambda e: (_owner(e)[0] != CORE, _owner(e), e.name)):
            key = (_owner(entry_point)[0], entry_point.name)
            if key not in seen:  # one distribution can be on sys.path twice
                seen.add(key)
                self.plugins.append(self._load(entry_point))

    def _load(self, entry_point: metadata.EntryPoint) -> Plugin:
        distribution, version = _owner(entry_point)
        started = time.perf_counter()
        error, incompatible = _version_trouble(entry_point), False
        if error:
            incompatible = True
        else:
            try:
                self._register(entry_point, f"{distribution}:{entry_point.name}")
            except (Exception, SystemExit) as trouble:
                # Whatever a stranger's module raises, or an exit() in it, stays its own trouble.
                error = f"{type(trouble).__name__}: {trouble}"
        return Plugin(
            name=entry_point.name,
            distribution=distribution,
            version=version,
            module=entry_point.value,
            seconds=time.perf_counter() - started,
            error=error,
            incompatible=incompatible,
        )

    def _register(self, entry_point: metadata.EntryPoint, name: str) -> None:
        module = entry_point.load()
        try:
            self.manager.register(module, name=name)
            for caller in self.manager.get_hookcallers(module) or ():
                if not caller.has_spec():
                    specs = [n for n in vars(hooks) if n.startswith("imagerag_")]
                    raise pluggy.PluginValidationError(
                        module,
                        f"there is no hook {caller.name!r}.{suggestion(caller.name, specs)}",
                    )
            self._list_offers(name)
        except (Exception, SystemExit):
            # Hooks that came before the wrong one are in force already; none of them may stay.
            if self.manager.has_plugin(name):
                self.manager.unregister(name=name)
            raise

    def _list_offers(self, plugin_name: str) -> None:
        """Call a plugin's listing hooks, once and for all: one that raises is found broken here."""
        distribution = plugin_name.partition(":")[0]
        listed: dict[str, list[Offered]] = {}
        for hook in [*ROLE_HOOKS.values(), "imagerag_presets", "imagerag_commands"]:
            kind = {"imagerag_presets": Preset, "imagerag_commands": Command}.get(hook, Offer)
            for implementation in getattr(self.manager.hook, hook).get_hookimpls():
                if implementation.plugin_name == plugin_name:
                    for offer in implementation.function():
                        if not isinstance(offer, kind):
                            raise TypeError(
                                f"{hook}() gave {offer!r}, which is not a {kind.__name__}"
                            )
                        listed.setdefault(hook, []).append(Offered(offer, distribution))
        for hook, offers in listed.items():
            self._offers.setdefault(hook, []).extend(offers)

    def _offered(self, hook: str) -> list[Offered]:
        return self._offers.get(hook, [])

    def offers(self, role: str) -> list[Offered]:
        """Return what is offered for a role, sorted by name."""
        return sorted(self._offered(ROLE_HOOKS[role]), key=lambda o: o.spelling)

    def presets(self) -> list[Offered]:
        """Return every preset, sorted by name."""
        return sorted(self._offered("imagerag_presets"), key=lambda o: o.spelling)

    def commands(self) -> list[Offered]:
        """Return every command, the core's own first, then by name."""
        return sorted(
            self._offered("imagerag_commands"),
            key=lambda o: (o.distribution != CORE, "" if o.distribution == CORE else o.spelling),
        )

    def find(self, kind: str, name: str) -> Offered:
        """Return the one offer of that name; `kind` is a role, "preset" or "command".

        `name` may be spelled `name@distribution`. Raises one of the four plugin errors, or
        `NameClashError`, each with what to do next.
        """
        if kind == "preset":
            offered = self.presets()
        elif kind == "command":
            offered = self.commands()
        else:
            offered = self.offers(kind)
        matches = [o for o in offered if name in (o.name, o.spelling)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            spellings = " or ".join(repr(o.spelling) for o in matches)
            raise NameClashError(
                f"{len(matches)} distributions offer a {kind} called {name!r}. Say which one: "
                f"{spellings}."
            )
        raise self._absent(kind, name, [o.name for o in offered])

    def _absent(self, kind: str, name: str, installed: list[str]) -> Exception:
        bare, _, wanted = name.partition("@")
        homes = {wanted} if wanted else set(home_of(kind, bare))
        for plugin in self.plugins:
            if plugin.error and plugin.distribution in homes | {bare, f"imagerag-{bare}"}:
                if plugin.incompatible:
                    return IncompatiblePluginError(f"the {kind} {name!r}: {plugin.error}")
                return BrokenPluginError(
                    f"the {kind} {name!r} belongs to {plugin.distribution} {plugin.version}, which "
                    f"fails to load: {plugin.error}. Try `pip install --force-reinstall "
                    f"{plugin.distribution}`; `imagerag doctor` shows all plugins."
                )
        here = {plugin.distribution for plugin in self.plugins}
        for home in sorted(homes - here):
            if home in home_of(kind, bare):
                return NotInstalledError(
                    f"the {kind} {name!r} is not installed. Get it with: pip install {home}"
                )
        known = [*installed, *known_names(kind)]
        listed = ", ".join(sorted(set(installed))) or "none"
        broken = ", ".join(sorted({p.distribution for p in self.plugins if p.error}))
        perhaps = (
            f" Perhaps a broken plugin has it ({broken}): `imagerag doctor`." if broken else ""
        )
        return UnknownComponentError(
            f"there is no {kind} {name!r}.{suggestion(name, known)} Installed: {listed}.{perhaps}"
        )

    def config_class(self, role: str, name: str) -> Any:
        """Import the configuration class of a component; light by contract."""
        return self._import(self.find(role, name), "config")

    def component_class(self, role: str, name: str) -> Any:
        """Import the class of a component."""
        return self._import(self.find(role, name), "target")

    def command_function(self, name: str) -> Any:
        """Import the function that fills a command's parser."""
        return self._import(self.find("command", name), "target")

    def _import(self, offered: Offered, attribute: str) -> Any:
        target = getattr(offered.offer, attribute)
        try:
            return import_string(target)
        except Exception as error:
            raise BrokenPluginError(
                f"{offered.name!r} of {offered.distribution} cannot be imported from {target!r}: "
                f"{type(error).__name__}: {error}. Try `pip install --force-reinstall "
                f"{offered.distribution}`, then `imagerag doctor`."
            ) from error


def _owner(entry_point: metadata.EntryPoint) -> tuple[str, str]:
    distribution = entry_point.dist
    if distribution is None:
        return (NOBODY, "0")
    # A damaged installation has an entry point, and metadata without a name. (No `get`: the type
    # of metadata lacks it.)
    head = distribution.metadata
    name = head["Name"] if "Name" in head else NOBODY  # noqa: SIM401
    version = head["Version"] if "Version" in head else "0"  # noqa: SIM401
    return (name, version)


def _version_trouble(entry_point: metadata.EntryPoint) -> str:
    """Say which version of the core a plugin wants, where it is not the one installed."""
    distribution = entry_point.dist
    if distribution is None or _owner(entry_point)[0] == CORE:
        return ""
    from packaging.requirements import InvalidRequirement, Requirement

    have = metadata.version(CORE)
    for line in distribution.requires or ():
        if not line.lower().startswith(CORE):
            continue
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            return f"its requirement {line!r} cannot be read: {error}"
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if requirement.name.lower() == CORE and not requirement.specifier.contains(
            have, prereleases=True
        ):
            return (
                f"{distribution.name} {distribution.version} wants {CORE}{requirement.specifier}, "
                f"and {have} is installed. Try `pip install --upgrade {CORE} {distribution.name}`."
            )
    return ""
