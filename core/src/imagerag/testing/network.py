"""Keeping tests on this machine: a context, a fixture, and an environment for processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from imagerag.testing import guard
from imagerag.testing.guard import ForeignAddressError, Guard

__all__ = ["LOG_VARIABLE", "ForeignAddressError", "loopback_only", "offline", "offline_environment"]

LOG_VARIABLE = "IMAGERAG_OFFLINE_LOG"
"""Environment variable with the file that processes append their attempts to."""

_GUARD = "imagerag_offline_guard"
_START_UP = f'''"""Keeps this process on loopback, then runs the environment's start-up file."""

import importlib.machinery
import importlib.util
import os
import sys

import {_GUARD}

{_GUARD}.Guard(os.environ.get("{LOG_VARIABLE}")).start()

_here = os.path.dirname(os.path.abspath(__file__))
# Behind this folder only: of two such folders, each would else start the other.
_places = [os.path.abspath(entry or ".") for entry in sys.path]
_behind = sys.path[_places.index(_here) + 1 :] if _here in _places else []
_spec = importlib.machinery.PathFinder.find_spec("sitecustomize", _behind)
if _spec is not None and _spec.loader is not None:
    _spec.loader.exec_module(importlib.util.module_from_spec(_spec))
'''


@contextmanager
def offline(log: Path | None = None) -> Iterator[list[str]]:
    """Forbid every connection and name lookup beyond loopback, in all threads of this process.

    Yields the list of attempts, a line each, which grows while the context is open: code that
    swallowed the error is found out by it. Sockets of the file system are allowed. `log` is a file
    that the lines are appended to, by forked processes too. Contexts nest; the innermost counts.

    Raises, where the attempt is made:
        ForeignAddressError: A `ConnectionError` that names the address.
    """
    active = Guard(log)
    active.start()
    try:
        yield active.attempts
    finally:
        active.stop()


def loopback_only() -> Iterator[None]:
    """Fail a test that tried to reach a foreign address, even where it swallowed the error.

    For pytest, in a `conftest.py`: `no_network = pytest.fixture(autouse=True)(loopback_only)`.
    """
    with offline() as attempts:
        yield
    if attempts:
        raise AssertionError(told(attempts))


def told(attempts: list[str]) -> str:
    """Return the message of a test that fails for these attempts."""
    lines = "\n  ".join(attempts)
    return f"only loopback may be reached in tests, and there was:\n  {lines}"


def offline_environment(
    folder: Path, environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return environment variables under which a Python process stays on loopback.

    Two files are written to `folder`, which is put in front of `PYTHONPATH`; attempts are appended
    to `attempts.log` there. `environment` is what the variables are added to, by default this
    process's own. Processes started with `-S`, `-I` or `-E` read no such files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(guard.__file__), folder / f"{_GUARD}.py")
    (folder / "sitecustomize.py").write_text(_START_UP, encoding="utf-8")
    variables = dict(os.environ if environment is None else environment)
    before = variables.get("PYTHONPATH")
    variables["PYTHONPATH"] = os.pathsep.join([str(folder), *([before] if before else [])])
    variables[LOG_VARIABLE] = str(folder / "attempts.log")
    return variables
