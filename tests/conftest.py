"""What tests across distributions share: the tree, its wheels, and environments made from them."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def plain_environment() -> dict[str, str]:
    """Return variables for processes of their own: no path of ours, no network."""
    ours = ("PYTHON", "PIP_", "IMAGERAG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **kept,
        "PIP_NO_INDEX": "1",
        # pip reads this one upside down: 0 switches the isolation off, so that nothing is fetched.
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "HF_HUB_OFFLINE": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
    }


@pytest.fixture(scope="session")
def run(plain_environment):
    """Run a command and return what came of it; a failure shows its output."""

    def run(*command, cwd=None, expect=0, **variables):
        environment = {**plain_environment, **{k: str(v) for k, v in variables.items()}}
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env=environment,
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
    installed = Path(sysconfig.get_path("purelib"))
    theirs = tmp_path_factory.mktemp("third-party")
    for entry in installed.iterdir():
        ours = entry.name.startswith(("imagerag", "__editable__", "_editable_impl_"))
        if not ours and entry.suffix != ".pth" and entry.name != "__pycache__":
            (theirs / entry.name).symlink_to(entry)

    def make(*packages: Path) -> Path:
        """Return the folder of the environment's commands."""
        folder = tmp_path_factory.mktemp("environment") / "venv"
        run(sys.executable, "-m", "venv", "--without-pip", folder)
        paths = {"base": str(folder), "platbase": str(folder)}
        site = Path(sysconfig.get_path("purelib", "venv", paths))
        (site / "third_party.pth").write_text(f"{theirs}\n")
        commands = Path(sysconfig.get_path("scripts", "venv", paths))
        run(commands / "python", "-m", "pip", "install", "-q", "--no-deps", *packages)
        return commands

    return make
