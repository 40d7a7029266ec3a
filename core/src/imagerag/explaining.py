"""What a configuration means: which model runs in each role, under which licence, at what cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from imagerag import config as configuration
from imagerag.chosen import Chosen
from imagerag.errors import ImageRAGError
from imagerag.registry import Registry
from imagerag.roles import Component, Generator
from imagerag.session import Session
from imagerag.values import Facts


@dataclass(frozen=True)
class Explained:
    """One component of a configuration.

    `path` is where its table stands ("retriever.of[0].encoder"), `references` the most that a
    generator takes, None for other roles. `trouble` says why it could not be built, with the next
    command; then nothing else is known of it.
    """

    path: str
    role: str
    use: str
    distribution: str = ""
    remote: bool = False
    references: int | None = None
    facts: Facts = field(default_factory=Facts)
    trouble: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        values: dict[str, Any] = asdict(self)
        facts: dict[str, Any] = values.pop("facts")
        return values | facts


@dataclass(frozen=True)
class Explanation:
    """All components of a configuration.

    `memory_gb` adds up what is known, with `memory_complete` saying whether that is all;
    `usd_per_picture` is None where the price of a remote component is unknown.
    """

    components: tuple[Explained, ...]
    memory_gb: float
    memory_complete: bool
    usd_per_picture: float | None

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "components": [component.to_json() for component in self.components],
            "memory_gb": self.memory_gb,
            "memory_complete": self.memory_complete,
            "usd_per_picture": self.usd_per_picture,
        }


def explain(
    source: str | Path | Mapping[str, Any],
    registry: Registry,
    overrides: Mapping[str, Any] | None = None,
) -> Explanation:
    """Build every component that a configuration names, and ask each what it is.

    Nothing is loaded, fetched or opened. A component whose plugin is missing is told with the
    command that gets it, and does not keep the others from being explained.

    Raises:
        ConfigError: For a key of the core's own that is wrong, or a preset that does not exist.
    """
    settings, layers = configuration.read_settings(source, registry, overrides)
    chosen: dict[str, Chosen] = {}
    found: dict[str, Explained] = {}
    for role in configuration.COMPONENT_ROLES:
        table = getattr(settings, role)
        if table is None:
            continue
        try:
            chosen[role] = configuration.choose(role, table, registry, layers)
        except ImageRAGError as error:
            found[role] = Explained(role, role, str(table.get("use", "")), trouble=str(error))
    # Without its collection, so that none is made or opened for an explanation.
    alone = settings.model_copy(update={"collection": None, "collection_from": None})
    rows: list[Explained] = []
    with Session(configuration.Configuration(alone, chosen), registry) as session:
        for role in configuration.COMPONENT_ROLES:
            if role in chosen:
                rows += _explained(session, role, chosen[role])
            elif role in found:
                rows.append(found[role])
    known = [row.facts.memory_gb for row in rows]
    costs = [_cost(row, rows) for row in rows]
    return Explanation(
        tuple(rows),
        memory_gb=round(sum(memory for memory in known if memory is not None), 2),
        memory_complete=all(
            row.facts.memory_gb is not None for row in rows if row.facts.model and not row.remote
        )
        and not any(row.trouble for row in rows),
        usd_per_picture=None if None in costs else sum(cost or 0.0 for cost in costs),
    )


def _cost(row: Explained, rows: list[Explained]) -> float | None:
    """A component on this machine costs nothing; a remote one, or one unknown, what it says.

    A critic tells what the loop asks of it. What a re-ranker asks of a remote one comes on top, and
    is unknown where the re-ranker does not say.
    """
    if row.trouble:
        return None
    told = row.facts.usd_per_picture
    asks = row.role == "reranker" and any(one.remote and one.role == "critic" for one in rows)
    return told if row.remote or asks else told or 0.0


def _explained(session: Session, role: Any, chosen: Chosen) -> Iterator[Explained]:
    try:
        component: Component = session.component(role)
    except ImageRAGError as error:
        yield Explained(role, role, chosen.use, trouble=str(error))
        return
    yield from _tree(session, role, chosen, component)


def _tree(session: Session, path: str, chosen: Chosen, component: Component) -> Iterator[Explained]:
    offered = session.registry.find(chosen.role, chosen.use)
    facts, references = component.facts(), None
    if isinstance(component, Generator):
        capability = component.capability()
        references = capability.max_references
        facts = replace(
            facts,
            licence=facts.licence or capability.licence,
            commercial=capability.commercial if facts.commercial is None else facts.commercial,
            memory_gb=capability.memory_gb if facts.memory_gb is None else facts.memory_gb,
        )
    yield Explained(
        path=path,
        role=chosen.role,
        use=chosen.use,
        distribution=offered.distribution,
        remote=bool(offered.offer.remote or component.remote),
        references=references,
        facts=facts,
    )
    for where, inside, build in _inside(path, chosen, component):
        try:
            part = build()
        except ImageRAGError as error:
            yield Explained(where, inside.role, inside.use, trouble=str(error))
            continue
        yield from _tree(session, where, inside, part)


def _inside(
    path: str, chosen: Chosen, component: Component
) -> Iterator[tuple[str, Chosen, Callable[[], Any]]]:
    """Yield the components inside another's table, each with what builds it."""
    context = component.context
    for role, inside in chosen.scoped.items():
        yield f"{path}.{role}", inside, partial(context.component, cast("Any", role))
    for option, several in chosen.parts.items():
        for number, inside in enumerate(several):
            build = partial(context.parts[option].__getitem__, number)
            yield f"{path}.{option}[{number}]", inside, build
