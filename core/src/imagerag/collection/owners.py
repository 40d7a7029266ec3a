"""Having every installed retriever and re-ranker delete what it keeps of some items."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from imagerag.errors import CapabilityError
from imagerag.roles import Context, Reranker, Retriever

if TYPE_CHECKING:
    from imagerag.registry import Offered, Registry


def ask_owners(
    folder: Path, ids: Set[str], registry: Registry | None = None
) -> tuple[set[str], list[tuple[str, str]]]:
    """Return the index folders that are clean now, by name, and what went wrong in whose care.

    A part that fails, or that cannot even be imported, loses its indexes and is named.
    """
    if registry is None:
        from imagerag.registry import Registry as Installed

        registry = Installed()
    clean: set[str] = set()
    problems: list[tuple[str, str]] = []
    for role in ("retriever", "reranker"):
        for offered in registry.offers(role):
            try:
                clean.update(_ask(registry, role, offered, folder, ids))
            except Exception as error:  # a stranger's part must not stop the others
                problems.append((f"{role} {offered.name}", f"{type(error).__name__}: {error}"))
    return clean, problems


def _ask(registry: Registry, role: str, offered: Offered, folder: Path, ids: Set[str]) -> Set[str]:
    part = registry.component_class(role, offered.spelling)
    if part.purge in (Retriever.purge, getattr(Reranker.purge, "__func__", None)):
        return set()
    cache = _cache(role, offered.name)
    if role == "reranker":
        return part.purge(folder, ids, cache) or set()
    options = registry.config_class(role, offered.spelling)()
    retriever = part(options, Context(component=_no_component, cache_dir=cache))
    try:
        return retriever.purge(folder, ids) or set()
    finally:
        retriever.close()


def _cache(role: str, name: str) -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("imagerag")) / role / name


def _no_component(role: str) -> NoReturn:
    raise CapabilityError(f"A purge has no {role}: what is kept is deleted without models.")
