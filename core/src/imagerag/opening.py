"""Opening the collection that a configuration names, made from a source where it is new."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagerag.collection import Collection, resolve
from imagerag.errors import CollectionError, ConfigError
from imagerag.resources import local
from imagerag.roles import Context

if TYPE_CHECKING:
    from imagerag.chosen import Chosen
    from imagerag.registry import Registry
    from imagerag.roles import Source


def open_or_create(
    name: str | None, source: str | Mapping[str, Any] | None, registry: Registry
) -> Collection:
    """Open the collection `name`, or make it from `source` where it does not exist.

    `source` is a folder, or the table of a source with `use` and `location`. The collection is
    made under another name and moved into place when it is whole, so that a creation that was
    interrupted is never mistaken for a collection.
    """
    if not name:
        raise ConfigError(
            'this configuration names no collection: add `collection = "NAME"`. '
            "`imagerag collection create NAME FOLDER` makes one."
        )
    path = resolve(name)
    if path.exists():
        return Collection.open(path)
    if not source:
        raise CollectionError(
            f"there is no collection {name!r}. Make it with: "
            f"imagerag collection create {name} FOLDER"
        )
    return _create(path, source, registry)


def build_source(chosen: Chosen, registry: Registry, cache_dir: Path) -> Source:
    """Return a source that stands alone: it looks at places, and asks no other component."""
    finder = registry.component_class("source", chosen.use)
    source: Source = finder(chosen.options, Context(component=_no_component, cache_dir=cache_dir))
    return source


def _create(path: Path, source: str | Mapping[str, Any], registry: Registry) -> Collection:
    from imagerag.collection.making import making
    from imagerag.config import choose_source
    from imagerag.toml_source import TomlSource

    table = {"use": "folder", "location": source} if isinstance(source, str) else dict(source)
    layers = [TomlSource("the configuration", {"collection_from": table})]
    chosen, location = choose_source(table, registry, layers)
    finder = build_source(chosen, registry, path)
    with making(path) as beside:
        fresh = Collection.create(beside / "collection", path.name)
        try:
            fresh.add(finder.find(local(location)))
        finally:
            fresh.close()
            finder.close()
        try:
            (beside / "collection").rename(path)
        except OSError:
            # Another process was quicker; what it made is as good.
            if not path.exists():
                raise
    return Collection.open(path)


def _no_component(role: str) -> object:
    raise ConfigError(f"a source has no use for a {role}.")
