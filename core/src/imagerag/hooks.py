"""Everything a plugin can add, as pluggy hook specs, and the marker to implement them with.

A plugin is a module of `@hookimpl` functions, named by one entry point in the group `imagerag`. It
returns *offers*: names with import strings, so that listing plugins imports no model library.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pluggy

from imagerag.events import Event

GROUP = "imagerag"
"""The entry-point group, and pluggy's project name."""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@dataclass(frozen=True)
class Offer:
    """A component that a plugin has to offer.

    `target` and `config` are import strings, "package.module:Class"; the second names a pydantic
    model that forbids unknown keys. `needs` lists modules that must be importable for it to run,
    `keys` the environment variables it reads; `imagerag doctor` reports both.
    """

    name: str
    summary: str
    target: str
    config: str
    remote: bool = False
    needs: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preset:
    """A named configuration. `resource` is "package:path/to/file.toml" inside the plugin."""

    name: str
    summary: str
    resource: str


@dataclass(frozen=True)
class Command:
    """A command of `imagerag`. `target` is "package.module:function".

    The function gets the command's own `argparse.ArgumentParser` to fill, and sets its handler by
    `parser.set_defaults(run=handler)`; `handler(arguments)` returns an exit code. It is imported
    only when this command, or its help, is asked for.
    """

    name: str
    summary: str
    target: str


@hookspec
def imagerag_generators() -> Iterable[Offer]:
    """Offer generators: classes derived from `imagerag.roles.Generator`."""
    return ()


@hookspec
def imagerag_critics() -> Iterable[Offer]:
    """Offer critics: classes derived from `imagerag.roles.Critic`."""
    return ()


@hookspec
def imagerag_encoders() -> Iterable[Offer]:
    """Offer encoders: classes derived from `imagerag.roles.Encoder`."""
    return ()


@hookspec
def imagerag_retrievers() -> Iterable[Offer]:
    """Offer retrieval backends: classes derived from `imagerag.roles.Retriever`."""
    return ()


@hookspec
def imagerag_rerankers() -> Iterable[Offer]:
    """Offer re-rankers: classes derived from `imagerag.roles.Reranker`."""
    return ()


@hookspec
def imagerag_conditioners() -> Iterable[Offer]:
    """Offer conditioning strategies: classes derived from `imagerag.roles.Conditioner`."""
    return ()


@hookspec
def imagerag_metrics() -> Iterable[Offer]:
    """Offer metrics: classes derived from `imagerag.roles.Metric`."""
    return ()


@hookspec
def imagerag_sources() -> Iterable[Offer]:
    """Offer sources of images: classes derived from `imagerag.roles.Source`."""
    return ()


@hookspec
def imagerag_presets() -> Iterable[Preset]:
    """Offer presets: named configurations that `imagerag init` and `preset = …` know."""
    return ()


@hookspec
def imagerag_commands() -> Iterable[Command]:
    """Offer commands of the `imagerag` command line."""
    return ()


@hookspec
def imagerag_event(event: Event) -> None:
    """Hear of a stage that started, advanced or finished; for progress displays and tracing.

    Called in the thread that runs the loop, so it must be quick. An implementation that raises is
    reported once and not called again in that run.
    """


ROLE_HOOKS = {
    "generator": "imagerag_generators",
    "critic": "imagerag_critics",
    "encoder": "imagerag_encoders",
    "retriever": "imagerag_retrievers",
    "reranker": "imagerag_rerankers",
    "conditioner": "imagerag_conditioners",
    "metric": "imagerag_metrics",
    "source": "imagerag_sources",
}
"""The hook that offers components of each role."""
