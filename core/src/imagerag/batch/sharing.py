"""Sessions that share the components of another: for copies of a generator, for collections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imagerag.chosen import Chosen
from imagerag.config import Configuration
from imagerag.errors import ConfigError
from imagerag.roles import Component, Role
from imagerag.session import Session

if TYPE_CHECKING:
    from imagerag.collection import Collection

_OF_A_COLLECTION = frozenset({"retriever", "reranker"})


class SharingSession(Session):
    """Builds the components of some roles itself, and takes all others from another session."""

    def __init__(self, parent: Session, config: Configuration, own: frozenset[str]) -> None:
        super().__init__(config, parent.registry)
        self.broadcast = parent.broadcast
        self._parent = parent
        self._own = own

    def component(self, role: Role) -> Any:
        """Return the component of that role, the other session's unless it is one's own."""
        return super().component(role) if role in self._own else self._parent.component(role)

    @property
    def collection(self) -> Collection:
        """The collection: one's own where retrieval is."""
        return super().collection if self._own & _OF_A_COLLECTION else self._parent.collection

    def built(self) -> dict[str, Component]:
        """Return what is built, by path: one's own and the other session's."""
        shared = {
            path: component
            for path, component in self._parent.built().items()
            if path.partition(".")[0] not in self._own
        }
        return {**shared, **super().built()}


def with_collection(session: Session, name: str) -> Session:
    """Return a session that retrieves from another collection, with the same models."""
    settings = session.settings.model_copy(update={"collection": name, "collection_from": None})
    config = Configuration(settings, session.config.chosen)
    return SharingSession(session, config, _OF_A_COLLECTION)


def with_generator(session: Session, device: str | None) -> Session:
    """Return a session with a generator of its own, on that device.

    Raises `ConfigError` where the generator does not let its device be chosen.
    """
    config, chosen = session.config, session.config.chosen["generator"]
    if device is not None:
        changed = _on(chosen, device)
        config = Configuration(config.settings, {**config.chosen, "generator": changed})
    return SharingSession(session, config, frozenset({"generator"}))


def _on(chosen: Chosen, device: str) -> Chosen:
    options: Any = chosen.options
    fields: Mapping[str, Any] = type(options).model_fields
    if "device" not in fields:
        raise ConfigError(
            f"[batch] devices: the generator {chosen.use!r} has no option `device`. Leave "
            "`devices` out, or choose a generator that has one."
        )
    return replace(chosen, options=options.model_copy(update={"device": device}))
