"""No test of this workspace may reach anything beyond this machine.

Python processes that tests start with this process's environment are watched as well.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagerag.testing.network import LOG_VARIABLE, offline, offline_environment, told

LOG = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Go offline before anything is collected: imports and fixtures of a session count too."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        return  # this process only hands out tests; each that runs them has a guard of its own
    stack = contextlib.ExitStack()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="imagerag-offline-")))
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", LOG_VARIABLE)}
    os.environ.update(offline_environment(folder))
    config.stash[LOG] = Path(os.environ[LOG_VARIABLE])
    stack.enter_context(offline(config.stash[LOG]))

    def restore() -> None:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    stack.callback(restore)
    config.add_cleanup(stack.close)


@pytest.fixture(autouse=True)
def only_loopback_is_reached(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that tried to reach a foreign address, even where it swallowed the error."""
    yield
    if attempts := _taken(request.config):
        pytest.fail(told(attempts), pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a session in which a fixture reached out after the last test that used it."""
    if attempts := _taken(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(told(attempts), red=True)


def _taken(config: pytest.Config) -> list[str]:
    """Return the attempts since the last call, and forget them."""
    log = config.stash.get(LOG, None)
    if log is None or not log.exists():
        return []
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    log.unlink()
    return lines
