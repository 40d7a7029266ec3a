"""Entry points → plugins → offers → components.

Each entry point is loaded under a guard of its own: pluggy's own loader lets one broken plugin take
the host down, and silently drops the second distribution that uses a name. A plugin's model library
is imported only when one of its components is chosen.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterable
from contextlib import redirect_stdout
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
from imagerag.installed import CORE, NOBODY, Installed, installed
from imagerag.known import home_of, known_names

__all__ = ["CORE", "LATE", "NOBODY", "Offered", "Plugin", "Registry", "import_string"]

LATE = frozenset(
    "torch torchvision torchaudio tensorflow jax flax keras onnxruntime diffusers transformers "  # noqa: SIM905 - one a line would fill the page
    "accelerate open_clip clip timm sentence_transformers tokenizers safetensors huggingface_hub "
    "numpy scipy pandas pyarrow sklearn skimage cv2 PIL pydantic sqlite3 usearch faiss hnswlib "
    "chromadb lancedb openai anthropic httpx requests aiohttp".split()
)
"""Libraries that a module of hooks leaves to its components and their options."""


@dataclass(frozen=True)
class Plugin:
    """One entry point as it was found. `error` is "" for a plugin that works.

    `seconds` is what loading it took here, where modules that an earlier plugin imported cost
    nothing any more; `imported` are the libraries of `LATE` that came with it.
    """

    name: str
    distribution: str
    version: str
    module: str
    seconds: float
    error: str = ""
    incompatible: bool = False
    imported: tuple[str, ...] = ()


@dataclass(frozen=True)
class Offered:
    """An offer, preset or command together with the distribution it comes from.

    `entry` is the name of the entry point that offered it.
    """

    offer: Any
    distribution: str
    entry: str = ""

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
        self.plugins.extend(self._load(found) for found in installed(entry_points))

    def _load(self, found: Installed) -> Plugin:
        started = time.perf_counter()
        before = LATE & sys.modules.keys()
        error = found.trouble
        if found.point is not None and not error:
            try:
                # Standard output belongs to what the user asked for, which may be JSON.
                with redirect_stdout(sys.stderr):
                    self._register(found.point, f"{found.distribution}:{found.name}")
            except KeyboardInterrupt:
                raise
            except BaseException as trouble:
                # Whatever a stranger's module raises, an exit() in it or a panic of compiled code
                # included, stays its own trouble.
                error = f"{type(trouble).__name__}: {trouble}"
        return Plugin(
            name=found.name,
            distribution=found.distribution,
            version=found.version,
            module=found.module,
            seconds=time.perf_counter() - started,
            error=error,
            incompatible=found.incompatible,
            imported=tuple(sorted((LATE & sys.modules.keys()) - before)),
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
        except BaseException:
            # Hooks that came before the wrong one are in force already; none of them may stay.
            if self.manager.has_plugin(name):
                self.manager.unregister(name=name)
            raise

    def _list_offers(self, plugin_name: str) -> None:
        """Call a plugin's listing hooks, once and for all: one that raises is found broken here."""
        distribution, _, entry = plugin_name.partition(":")
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
                        listed.setdefault(hook, []).append(Offered(offer, distribution, entry))
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

        `name` may be spelled `name@distribution`. A name of the core's own stays the core's: what
        another distribution offers under it needs that spelling, so that no plugin can take a
        command away. Raises one of the four plugin errors, or `NameClashError`, each with what to
        do next.
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
        if own := [o for o in matches if o.distribution == CORE]:
            return own[0]
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
