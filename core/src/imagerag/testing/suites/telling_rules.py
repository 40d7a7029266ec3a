"""Rules about what can be known of a component before it is used, and what that may cost."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imagerag import roles
from imagerag.testing.suites import probe as probing
from imagerag.testing.suites.ruling import rule
from imagerag.testing.suites.verdict import require
from imagerag.values import Facts

if TYPE_CHECKING:
    from pathlib import Path

    from imagerag.testing.suites.probe import Probed
    from imagerag.testing.suites.workshop import Workshop


def task_of(workshop: Workshop, plugin: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a probe of a workshop's component has to do."""
    offer = workshop.offered.offer
    return {
        "role": workshop.role,
        "use": workshop.use,
        "plugin": plugin,
        "options": dict(options),
        "beside": {role: dict(table) for role, table in workshop.beside.items()},
        "collection": None if workshop.collection is None else str(workshop.collection),
        "modules": workshop.plugin_modules(),
        "config": offer.config,
        "needs": list(offer.needs),
    }


class TellingRules:
    """Rules about the offer, its modules, and what a fresh component says of itself."""

    @rule()
    def test_the_offer_is_true(self, workshop: Workshop) -> None:
        """Offer and class agree: the role, whether data leaves the machine, what must be there."""
        offer, kind = workshop.offered.offer, workshop.component_class
        role_class = getattr(roles, workshop.role.capitalize())
        require(
            isinstance(kind, type) and issubclass(kind, role_class),
            f"{offer.target!r} is not derived from imagerag.roles.{role_class.__name__}",
        )
        require(
            bool(offer.remote) == bool(kind.remote),
            f"the offer says remote={offer.remote}, and {kind.__name__}.remote is {kind.remote}",
        )
        lacking = [name for name in offer.needs if importlib.util.find_spec(name) is None]
        require(not lacking, f"Offer.needs names what cannot be imported: {', '.join(lacking)}")
        told = offer.summary.strip()
        require(bool(told) and "\n" not in told, "Offer.summary is to be one line of words")

    @rule()
    def test_importing_is_light(self, probed: Probed) -> None:
        """The plugin's module of hooks and its configuration import no model library."""
        for what, seen in (("the module of hooks", probed.plugin), ("the options", probed.config)):
            require(not seen.error, f"importing {what} in a fresh process fails: {seen.error}")
            came = ", ".join(seen.imported)
            require(not came, f"{what} imports {came}: import it inside the functions that use it")

    @rule()
    def test_importing_is_quick(
        self, probed: Probed, probe_task: dict[str, Any], probe_folder: Path
    ) -> None:
        """Importing them takes less than 0.1 s for the hooks and 0.3 s for the options."""
        plugin, config = probing.quickest(probed, probe_task, probe_folder)
        least = f"at best, of {probing.TRIES} processes"
        for what, took, budget in (
            ("the module of hooks", plugin, probing.SECONDS_PLUGIN),
            ("the options", config, probing.SECONDS_CONFIG),
        ):
            require(
                took <= budget, f"importing {what} takes {took:.2f} s {least}; {budget} s are free"
            )

    @rule()
    def test_telling_loads_nothing(self, probed: Probed) -> None:
        """Building it and asking for facts, versions and capability loads and fetches nothing.

        In a fresh process, these import no model library, reach for no network, and write nothing
        to the component's cache.
        """
        seen = probed.telling
        require(not seen.error, f"a fresh process cannot tell of it: {seen.error}")
        came = ", ".join(seen.imported)
        require(not came, f"telling of it imports {came}, so weights could be loaded by it")
        require(not seen.network, f"telling of it reaches out: {'; '.join(seen.network)}")
        require(not seen.written, f"telling of it writes files: {', '.join(seen.written)}")

    @rule()
    def test_facts_and_versions_are_told(self, subject: Any) -> None:
        """facts() is a `Facts`, and versions() names words by words, as a record keeps them."""
        facts, versions = subject.facts(), subject.versions()
        require(isinstance(facts, Facts), f"facts() is {facts!r}")
        amounts = {"memory_gb": facts.memory_gb, "usd_per_picture": facts.usd_per_picture}
        for name, amount in amounts.items():
            require(amount is None or amount >= 0, f"facts().{name} is {amount!r}")
        require(
            isinstance(versions, Mapping)
            and all(isinstance(word, str) for pair in versions.items() for word in pair),
            f"versions() is {versions!r}, and is to map names to texts",
        )
