"""The base of the conformance suites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from imagerag.roles import Role
from imagerag.testing.suites.conduct_rules import ConductRules
from imagerag.testing.suites.options_rules import OptionsRules
from imagerag.testing.suites.probe import Probed, probe
from imagerag.testing.suites.ruling import FIRST, check_subclass, level_of, name_of
from imagerag.testing.suites.telling_rules import TellingRules, task_of
from imagerag.testing.suites.verdict import unjudged
from imagerag.testing.suites.workshop import Workshop


class ComponentSuite(OptionsRules, TellingRules, ConductRules):
    """Holds a component to what its role promises.

    Subclass the suite of its role, in a test file:

    ```python
    class TestSwatch(GeneratorSuite):
        component = "swatch"
        options = {"side": 8}
    ```

    Where a rule cannot hold, `xfail = {"rule-name": "reason"}` says so; there is no other way to
    weaken one. Values that only fixtures have (a folder of weights) come from a fixture: `options`,
    `beside` and the like may be its name, a text, instead. Its scope is "class" or wider.
    """

    role: ClassVar[Role]

    component: ClassVar[str] = ""
    """The name of the offer: "swatch", or "swatch@imagerag-swatch" where two offer one name."""

    plugin: ClassVar[str] = ""
    """The plugin's module of hooks, where it is not installed: "imagerag_swatch.plugin"."""

    options: ClassVar[Mapping[str, Any] | str] = {}
    """The component's table, without `use`: a mapping, or the name of a fixture that gives one."""

    beside: ClassVar[Mapping[str, Any] | str] = {}
    """Tables of other components of the run, by role; a mapping, or the name of a fixture. The
    others are doubles, see `workshop.BESIDE`."""

    xfail: ClassVar[Mapping[str, str]] = {}
    """Rules that do not hold, by name, each with the reason. One that does hold then fails: take
    it out."""

    level: ClassVar[int] = FIRST
    """The level of the rules that are held: those of a higher one are skipped, with a message. It
    stays at 1, the rules of version 0.1, until you raise it, so that an upgrade of imagerag never
    turns a suite red."""

    unattended: ClassVar[bool] = False
    """True where nobody wrote the suite, and so nobody could give it known examples (see `run`)."""

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        check_subclass(cls)

    @pytest.fixture(autouse=True)
    def _within_the_level(self, request: pytest.FixtureRequest) -> None:
        """Skip a rule that is newer than what the suite was written for."""
        level = level_of(getattr(type(self), request.function.__name__, None))
        if level is not None and level > self.level:
            unjudged(
                f"the rule {name_of(request.function.__name__)!r} is of level {level}, and this "
                f"suite is held to level {self.level}: set level = {level} to be held to it"
            )

    @classmethod
    def given_or_fixture(cls, request: pytest.FixtureRequest, name: str) -> Any:
        """Return a class attribute, or what the fixture gives whose name it holds."""
        value = getattr(request.cls, name)
        return request.getfixturevalue(value) if isinstance(value, str) else value

    @classmethod
    def collection_in(cls, folder: Path) -> Path | None:
        """Return the path of the run's collection, made below `folder`; None for no collection."""
        return None

    @pytest.fixture(scope="class")
    @classmethod
    def workshop(
        cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Workshop]:
        """What builds the component under test."""
        suite = cast("type[ComponentSuite]", request.cls)
        if not suite.component:
            raise pytest.UsageError(f'{suite.__name__} needs `component = "…"`, an offer\'s name.')
        folder = tmp_path_factory.mktemp("suite")
        made = Workshop(
            suite.role,
            suite.component,
            folder,
            plugin=suite.plugin,
            options=suite.given_or_fixture(request, "options"),
            beside=suite.given_or_fixture(request, "beside"),
            collection=suite.collection_in(folder),
        )
        try:
            yield made
        finally:
            made.close()

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, workshop: Workshop) -> Any:
        """The component under test, shared by the rules of a suite."""
        return workshop.build()

    @pytest.fixture(scope="class")
    @classmethod
    def probe_folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A folder for the fresh process."""
        return tmp_path_factory.mktemp("probe")

    @pytest.fixture(scope="class")
    @classmethod
    def probe_task(cls, request: pytest.FixtureRequest, workshop: Workshop) -> dict[str, Any]:
        """What the fresh process has to do."""
        suite = cast("type[ComponentSuite]", request.cls)
        return task_of(workshop, suite.plugin, suite.given_or_fixture(request, "options"))

    @pytest.fixture(scope="class")
    @classmethod
    def probed(cls, probe_task: dict[str, Any], probe_folder: Path) -> Probed:
        """What a fresh process sees of the component."""
        return probe(probe_task, probe_folder)
