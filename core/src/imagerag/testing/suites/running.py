"""Running a suite on what is installed, without a test file: for `imagerag plugins check`."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from imagerag.errors import CapabilityError, NotInstalledError, UsageError, WeightsError
from imagerag.testing.suites import NO_PYTEST, suite_of

if TYPE_CHECKING:
    import pytest

    from imagerag.roles import Role

Outcome: TypeAlias = Literal["held", "broken", "unjudged"]
"""What came of a rule. One is unjudged where it does not apply, or cannot be decided here."""

_FILE = "test_conformance.py"
_SUITE = "TestConformance"


@dataclass(frozen=True)
class Result:
    """What came of one rule; `told` says why it is broken or unjudged, "" where it holds."""

    rule: str
    outcome: Outcome
    told: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Report:
    """The results of a suite, in the order of its rules."""

    role: str
    component: str
    results: tuple[Result, ...]

    @property
    def broken(self) -> tuple[Result, ...]:
        """The rules that do not hold."""
        return tuple(each for each in self.results if each.outcome == "broken")

    @property
    def exit_code(self) -> int:
        """0 where no rule is broken, else 1."""
        return 1 if self.broken else 0


def run(
    role: Role,
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    plugin: str = "",
    beside: Mapping[str, Mapping[str, Any]] | None = None,
    level: int | None = None,
    location: str = "",
    allow_remote: bool = False,
) -> Report:
    """Hold an installed component to the rules of its role, and report on each.

    Nobody is there to give known examples: what needs them (pairs that a metric tells apart, a
    location of a source's own where none is named) is unjudged, and a plugin's own test file judges
    it.

    Args:
        role: Its role.
        name: Its name, or "name@distribution".
        options: Its table. Choose what makes it quick; without, its defaults are used.
        plugin: Its module of hooks, where it is not installed.
        beside: Tables of other components of the run, by role; doubles where not named.
        level: The level of the rules; that of version 0.1 where None.
        location: Of a source: a place with two images at least; a folder of pictures where "".
        allow_remote: Whether a remote component may be called, dozens of times; that may cost
            money.

    Raises:
        NotInstalledError: pytest is not installed.
        PluginError: There is no such component, or its plugin is broken.
        ConfigError: The options are wrong.
        CapabilityError: It is remote, and may not be called.
        WeightsError: What it needs to work at all is not here, so that nothing can be judged.
        UsageError: A location is named, and it is no source.
    """
    if importlib.util.find_spec("pytest") is None:
        raise NotInstalledError(NO_PYTEST)
    if location and role != "source":
        raise UsageError(f"a {role} looks through no location. Leave it out, or check a source.")
    suite = _suite(role, name, options, plugin, beside, level, location)
    with tempfile.TemporaryDirectory(prefix="imagerag-check-") as folder:
        package = _look(suite, Path(folder), allow_remote)
        return Report(role, name, tuple(_collect(suite, package, Path(folder) / "tests")))


def _suite(
    role: Role,
    name: str,
    options: Mapping[str, Any] | None,
    plugin: str,
    beside: Mapping[str, Mapping[str, Any]] | None,
    level: int | None,
    location: str,
) -> Any:
    given = {"component": name, "plugin": plugin, "options": options or {}, "beside": beside or {}}
    more: dict[str, Any] = {} if level is None else {"level": level}
    if location:
        more["place_itself"] = location
    return type(_SUITE, (suite_of(role),), {**given, **more, "unattended": True})


def _look(suite: Any, folder: Path, allow_remote: bool) -> str:
    """Find the component and read its options first: that is no broken rule, but a wrong call.

    Returns the top package of its class.
    """
    from imagerag.testing.suites.workshop import Workshop

    workshop = Workshop(
        suite.role,
        suite.component,
        folder,
        plugin=suite.plugin,
        options=suite.options,
        beside=suite.beside,
    )
    if (workshop.offered.offer.remote or workshop.component_class.remote) and not allow_remote:
        raise CapabilityError(
            f"the {suite.role} {suite.component!r} is remote: checking it calls it dozens of "
            "times, which may cost money. Point its options at a server of your own, and allow it."
        )
    return str(workshop.component_class.__module__).partition(".")[0]


def _collect(suite: Any, package: str, folder: Path) -> list[Result]:
    """Run a suite through pytest in this process, with none of the settings around it."""
    import pytest

    folder.mkdir()
    (folder / _FILE).write_text("", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    listener = _Listener(suite, package)
    said = io.StringIO()
    arguments = [
        str(folder / _FILE),
        f"--rootdir={folder}",
        f"--confcutdir={folder}",
        f"--basetemp={folder / 'temporary'}",
        f"--config-file={folder / 'pytest.ini'}",
        "--import-mode=importlib",
        "--capture=no",
        "-p",
        "no:cacheprovider",
    ]
    with _alone(), contextlib.redirect_stdout(said):
        code = pytest.main(arguments, plugins=[listener])
    if listener.lacking is not None:
        raise listener.lacking
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise UsageError(f"pytest could not run the suite: {said.getvalue()[-2000:]}")
    return listener.results


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep other plugins and options of pytest out of it."""
    before = dict(os.environ)
    os.environ.pop("PYTEST_ADDOPTS", None)
    os.environ.pop("PYTEST_PLUGINS", None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


class _Listener:
    """A plugin of pytest: puts the suite into the empty test file, and hears the verdicts.

    `lacking` is why nothing can be judged: weights that are not here. Each rule would look for them
    anew, and some look long.
    """

    def __init__(self, suite: Any, package: str) -> None:
        self.suite = suite
        self.package = package
        self.results: list[Result] = []
        self.lacking: WeightsError | None = None
        self._raised: dict[str, str] = {}

    def pytest_pycollect_makemodule(self, module_path: Path, parent: Any) -> Any:
        import pytest

        module = pytest.Module.from_parent(parent, path=module_path)
        setattr(module.obj, _SUITE, self.suite)
        return module

    def pytest_runtest_makereport(self, item: Any, call: pytest.CallInfo[None]) -> None:
        if call.excinfo is None:
            return
        self._raised[item.nodeid] = told_of(call.excinfo, self.package)
        if isinstance(call.excinfo.value, WeightsError) and not self.results:
            self.lacking = call.excinfo.value
            item.session.shouldstop = "weights are not here"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        from imagerag.testing.suites.ruling import name_of

        rule = name_of(report.nodeid.rpartition("::")[2])
        if report.when == "call" or report.outcome != "passed":
            self.results = [each for each in self.results if each.rule != rule]
            told, outcome = "", {"passed": "held", "failed": "broken", "skipped": "unjudged"}
            if report.skipped and isinstance(report.longrepr, tuple):
                told = str(report.longrepr[2]).removeprefix("Skipped: ")
            elif report.failed:
                told = self._raised.get(report.nodeid, report.longreprtext)
            self.results.append(
                Result(rule, outcome[report.outcome], told, report.duration)  # type: ignore[arg-type]
            )


def told_of(raised: pytest.ExceptionInfo[BaseException], package: str) -> str:
    """Say what ended a test: a verdict as it is, anything else with the place where it was raised.

    The place is the last one inside `package`, the component's own code, where there is one.
    """
    import pytest

    if isinstance(raised.value, pytest.fail.Exception):
        return str(raised.value)
    entries = list(raised.traceback)
    own = [e for e in entries if e.frame.f_globals.get("__name__", "").partition(".")[0] == package]
    last = (own or entries)[-1]
    place = f"{last.path}, line {last.lineno + 1}, in {last.name}"
    return f"it raises {type(raised.value).__name__}: {raised.value}\n{place}"
