"""What tests across distributions share: the tree, its wheels, and environments made from them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import environment  # noqa: E402


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def plain_environment() -> dict[str, str]:
    """Return variables for processes of their own: no path of ours, no network."""
    return environment.variables()


@pytest.fixture(scope="session")
def run(plain_environment):
    """Run a command and return what came of it; a failure shows its output."""

    def run(*command, cwd=None, expect=0, **extra):
        variables = {**plain_environment, **{k: str(v) for k, v in extra.items()}}
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env=variables,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if expect is not None:
            told = f"{command} → {done.returncode}\n{done.stdout}\n{done.stderr}"
            assert done.returncode == expect, told
        return done

    return run


@pytest.fixture(scope="session")
def wheels(root, tmp_path_factory, run):
    """Return {distribution: wheel} of every distribution of the workspace, built from this tree."""
    folder = tmp_path_factory.mktemp("wheels")
    projects = [root / "core", *sorted(p.parent for p in root.glob("plugins/*/pyproject.toml"))]
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, *projects)
    built = sorted(folder.glob("*.whl"))
    return {wheel.name.partition("-")[0].replace("_", "-"): wheel for wheel in built}


@pytest.fixture(scope="session")
def make_environment(tmp_path_factory, run):
    """Make environments that hold given wheels and everybody else's packages, but nothing of ours.

    Third-party packages are links to those of the running environment: nothing is downloaded.
    """
    theirs = environment.third_party(tmp_path_factory.mktemp("third-party"))

    def make(*packages: Path) -> Path:
        """Return the folder of the environment's commands."""
        return environment.make(tmp_path_factory.mktemp("environment") / "venv", theirs, *packages)

    return make
