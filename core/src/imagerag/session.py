"""A configuration brought to life: the components of one run, built once and shared."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import platformdirs

from imagerag import config as configuration
from imagerag.account import Account, account_here
from imagerag.broadcast import Broadcast, Listener
from imagerag.chosen import Chosen
from imagerag.errors import BrokenPluginError, CapabilityError, ConfigError, ImageRAGError
from imagerag.parts import Parts
from imagerag.privacy import Privacy
from imagerag.registry import Offered, Registry
from imagerag.roles import (
    Component,
    Conditioner,
    Context,
    Critic,
    Encoder,
    Generator,
    Reranker,
    Retriever,
    Role,
)
from imagerag.unallowed import Unallowed

if TYPE_CHECKING:
    from imagerag.collection import Collection

Scope = Callable[[Role], Any]
"""What a component asks for the run's other components: its own table's first."""


class Session:
    """Builds the components that a configuration names, each on first use, and closes them.

    A component that is named loads or the run fails; it is never skipped.
    """

    def __init__(
        self,
        config: configuration.Configuration,
        registry: Registry,
        *,
        listener: Listener | None = None,
        remote: Container[str] | None = None,
    ) -> None:
        """Check the whole configuration; nothing heavy is imported yet.

        `remote` names the remote components that may be called, where not every one may: a
        configuration that came with a stranger's picture must not call a server of its choice.
        """
        self.config = config
        self.registry = registry
        self.broadcast = Broadcast(registry, listener)
        self.account = Account()
        self.privacy = Privacy(self, remote)
        self._built: dict[str, Any] = {}
        self._offered: dict[str, Offered] = {}
        self._building: list[str] = []
        self._collection: Collection | None = None

    @classmethod
    def from_config(
        cls,
        source: str | Path | Mapping[str, Any],
        overrides: Mapping[str, Any] | None = None,
        *,
        registry: Registry | None = None,
        listener: Listener | None = None,
        remote: Container[str] | None = None,
    ) -> Self:
        """Load a preset, a TOML file or a mapping."""
        registry = registry or Registry()
        loaded = configuration.load(source, registry, overrides)
        return cls(loaded, registry, listener=listener, remote=remote)

    @property
    def settings(self) -> configuration.Settings:
        """The core's own settings."""
        return self.config.settings

    def names(self, role: str) -> bool:
        """Say whether the configuration names a component for that role."""
        return role in self.config.chosen

    def use(self, role: str) -> str:
        """Return the name of the configured component of a role, "" where there is none."""
        return str((getattr(self.settings, role) or {}).get("use", ""))

    def offered(self, role: str) -> Offered:
        """Return the offer behind a configured component."""
        if role not in self._offered:
            self._offered[role] = self.registry.find(role, self.use(role))
        return self._offered[role]

    def chosen(self, *roles: str) -> Iterator[tuple[str, Chosen]]:
        """Yield the components of these roles (of all where none is given) and all inside them.

        Each comes with its path in the configuration: "retriever", "retriever.of[0].encoder".
        """
        for role, chosen in self.config.chosen.items():
            if not roles or role in roles:
                yield from chosen.walk(role)

    def component(self, role: Role) -> Any:
        """Return the component of that role, built on the first call."""
        if not self.names(role):
            raise ConfigError(
                f"this configuration names no {role}: add a table [{role}] with "
                f'`use = "…"`; `imagerag plugins list --role {role}` shows the choice.'
            )
        return self._get(self.config.chosen[role], role, self.component)

    def _get(self, chosen: Chosen, path: str, outer: Scope) -> Any:
        """Return a component, built on the first call; `outer` is what surrounds it."""
        if path not in self._built:
            if path in self._building:
                chain = " → ".join([*self._building, path])
                raise ConfigError(f"components ask for each other in a circle: {chain}.")
            self._building.append(path)
            try:
                self._built[path] = self._build(chosen, path, outer)
            finally:
                self._building.remove(path)
        return self._built[path]

    def _build(self, chosen: Chosen, path: str, outer: Scope) -> Any:
        role, use = chosen.role, chosen.use
        target = self.registry.component_class(role, use)
        if not self.privacy.may_call(use) and self.is_remote(path, chosen):
            told = ", ".join(f"{k} = {v!r}" for k, v in chosen.options.model_dump().items())
            return Unallowed(
                target,
                f"the {role} {use!r} is remote, and would be called as the record says: {told}. "
                f"If you trust that, allow it by name: --allow-remote {use}.",
            )
        own = chosen.scoped

        def scope(wanted: Role) -> Any:
            if wanted in own:
                return self._get(own[wanted], f"{path}.{wanted}", outer)
            if outer == self.component:
                self.privacy.asked(path, wanted)
            return outer(wanted)

        def part(option: str, number: int) -> Any:
            inside = chosen.parts[option][number]
            return self._get(inside, f"{path}.{option}[{number}]", scope)

        context = Context(
            component=scope,
            cache_dir=Path(platformdirs.user_cache_dir("imagerag")) / role / use.partition("@")[0],
            collection=self.privacy.collection_for(path, chosen),
            progress=self.broadcast.advance,
            spend=lambda usage: account_here(self.account).spend(f"{role} {use}", usage),
            decide=lambda *told: account_here(self.account).decide(*told),
            parts={
                option: Parts(partial(part, option), len(inside))
                for option, inside in chosen.parts.items()
            },
            kept_from=self.privacy.kept_from,
            images=self.privacy.picture_of,
        )
        try:
            return target(chosen.options, context)
        except ImageRAGError:
            raise
        except Exception as error:
            raise BrokenPluginError(
                f"the {role} {use!r} cannot be built: {type(error).__name__}: {error}. "
                "`imagerag doctor` says what it needs."
            ) from error

    @property
    def generator(self) -> Generator:
        """The generator."""
        found: Generator = self.component("generator")
        return found

    @property
    def conditioner(self) -> Conditioner:
        """The conditioning strategy."""
        found: Conditioner = self.component("conditioner")
        return found

    @property
    def critic(self) -> Critic:
        """The critic."""
        found: Critic = self.component("critic")
        return found

    @property
    def encoder(self) -> Encoder:
        """The retrieval encoder."""
        found: Encoder = self.component("encoder")
        return found

    @property
    def retriever(self) -> Retriever:
        """The retrieval backend."""
        found: Retriever = self.component("retriever")
        return found

    @property
    def reranker(self) -> Reranker | None:
        """The re-ranker, or None where the configuration names none."""
        return self.component("reranker") if self.names("reranker") else None

    @property
    def collection(self) -> Collection:
        """The collection, opened on first use, and made from `collection_from` where it is new."""
        if self._collection is None:
            from imagerag.opening import open_or_create

            self._collection = open_or_create(
                self.settings.collection, self.settings.collection_from, self.registry
            )
        return self._collection

    def built(self) -> dict[str, Component]:
        """Return the components that have been built so far, by path: "generator", for one."""
        return dict(self._built)

    def check(self, *, personal_images: int = 0) -> None:
        """Check that the components can work together, before any weights load.

        Raises `CapabilityError` or `ConfigError` with the first thing that does not fit, or what a
        component lacks (see `Component.ready`).
        """
        self._fit_together(personal_images)
        for component in self.built().values():
            component.ready()

    def _fit_together(self, personal_images: int) -> None:
        policy = self.settings.loop
        have = self.generator.capability()
        lacking = self.conditioner.needs - have.abilities
        if lacking:
            raise CapabilityError(
                f"the conditioner {self.use('conditioner')!r} needs {sorted(lacking)} of its "
                f"generator, and {self.use('generator')!r} has {sorted(have.abilities)}. Choose "
                "another with [conditioner] or [generator] `use`."
            )
        if personal_images > have.max_references:
            raise CapabilityError(
                f"{personal_images} images were given, and the generator "
                f"{self.use('generator')!r} takes at most {have.max_references}. Give fewer."
            )
        if policy.gate == "never":
            return
        needed: tuple[Role, ...] = ("critic", "retriever")
        for role in needed:
            self.component(role)
        _ = self.reranker  # what it lacks is better known before anything is painted
        if have.max_references == 0:
            raise CapabilityError(
                f"the generator {self.use('generator')!r} takes no references, so retrieval cannot "
                "help it: set [loop] gate = 'never', or choose a generator with the ability "
                "'image-prompt' or 'in-context'."
            )
        _ = self.collection  # one that is missing is better known before anything is painted
        if policy.gate == "prompt":
            self._needs_ability("plan", "gate = 'prompt'")
        if policy.keep == "best" and (policy.gate != "prompt" or policy.rounds > 1):
            self._needs_ability("compare", "keep = 'best'")

    def _needs_ability(self, ability: str, because: str) -> None:
        have = self.critic.abilities
        if ability not in have:
            raise CapabilityError(
                f"{because} needs a critic with the ability {ability!r}, and "
                f"{self.use('critic')!r} has {sorted(have)}. Change [loop] or [critic] `use`."
            )

    def is_remote(self, path: str, chosen: Chosen) -> bool:
        """Believe the offer or the class, whichever says that data leaves this machine."""
        if self.registry.find(chosen.role, chosen.use).offer.remote:
            return True
        built = self._built.get(path)
        one = self.registry.component_class(chosen.role, chosen.use) if built is None else built
        return bool(one.remote)

    def release(self, role: Role) -> None:
        """Close the component of a role, with those inside it; the next use builds it anew."""
        for path in [p for p in self._built if p == role or p.startswith(f"{role}.")]:
            self._built.pop(path).close()

    def close(self) -> None:
        """Close every component and the collection. Calling it twice does nothing more."""
        built, self._built = list(self._built.values()), {}
        with ExitStack() as stack:  # one that fails to close keeps none of the others open
            if self._collection is not None:
                stack.callback(self._collection.close)
                self._collection = None
                self.privacy.close()
            for component in built:
                stack.callback(component.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
