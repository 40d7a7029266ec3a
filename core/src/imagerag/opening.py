"""Opening the collection that a configuration names, made from a folder where it is new."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imagerag.collection import Collection, resolve
from imagerag.errors import CollectionError, ConfigError
from imagerag.resources import local
from imagerag.roles import Context

if TYPE_CHECKING:
    from imagerag.registry import Registry


def open_or_create(name: str | None, source: str | None, registry: Registry) -> Collection:
    """Open the collection `name`, or make it from the folder `source` where it does not exist.

    It is made under another name and moved into place when it is whole, so that a creation that
    was interrupted is never mistaken for a collection.
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


def _create(path: Path, source: str, registry: Registry) -> Collection:
    import shutil
    import tempfile

    finder = registry.component_class("source", "folder")
    config = registry.config_class("source", "folder")()
    context = Context(component=_no_component, cache_dir=path)
    path.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        fresh = Collection.create(making / "collection", path.name)
        try:
            fresh.add(finder(config, context).find(local(source)))
        finally:
            fresh.close()
        try:
            (making / "collection").rename(path)
        except OSError:
            # Another process was quicker; what it made is as good.
            if not path.exists():
                raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return Collection.open(path)


def _no_component(role: str) -> object:
    raise ConfigError(f"a source has no use for a {role}.")
