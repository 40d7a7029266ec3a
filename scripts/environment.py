"""Environments that hold given wheels, everybody else's packages, and nothing of this tree.

Third-party packages are links to those of the running environment, so nothing is downloaded.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path


def variables() -> dict[str, str]:
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


def third_party(folder: Path) -> Path:
    """Fill an empty folder with links to the third-party packages of this environment."""
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        ours = entry.name.startswith(("imagerag", "__editable__", "_editable_impl_"))
        if not ours and entry.suffix != ".pth" and entry.name != "__pycache__":
            (folder / entry.name).symlink_to(entry)
    return folder


def make(folder: Path, theirs: Path, *wheels: Path) -> Path:
    """Make an environment with these wheels beside `theirs`; return the folder of its commands.

    Raises:
        subprocess.CalledProcessError: pip refused a wheel; its output is on standard error.
    """
    _run(sys.executable, "-m", "venv", "--without-pip", folder)
    paths = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", paths))
    (site / "third_party.pth").write_text(f"{theirs}\n")
    commands = Path(sysconfig.get_path("scripts", "venv", paths))
    _run(commands / "python", "-m", "pip", "install", "-q", "--no-deps", *wheels)
    return commands


def _run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], env=variables(), check=True)
