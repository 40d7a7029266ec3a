"""Run the tests with the lowest, or the newest, versions that the ranges of dependencies allow.

    python scripts/resolutions.py lowest [NAME …]
    python scripts/resolutions.py newest [NAME …]
    python scripts/resolutions.py lowest --resolve [NAME …]     only say which versions that means

uv says which versions those are, for what each pyproject.toml asks for directly; everything else is
as new as possible. pip installs them into out/RESOLUTION/venv, the distributions from wheels beside
them, and each one's tests run there. Without names: every distribution that does not need torch.
torch itself stays at the pinned version, which is named in the command that installs the rest.
Needs the package index.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from workspace import ROOT, chosen, distributions, name_of, needed, project

RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}
PINNED = ("torch", "torchvision")
"""What constraints.txt fixes in every environment: other builds of them are gigabytes."""
FOR_TESTS = ("pytest", "hypothesis")
_FAILED = 1
_NOTHING_RAN = 5


def direct(names: Iterable[str]) -> list[str]:
    """Return what these distributions ask for themselves, without each other."""
    known = distributions()
    lines = {line for name in names for line in project(known[name])["dependencies"]}
    return sorted(line for line in lines if name_of(line) not in known)


def is_light(name: str) -> bool:
    """Return whether a distribution and what it needs of the workspace do without torch."""
    asked = {name_of(line) for line in direct(needed(name, distributions()))}
    return not asked & set(PINNED)


def pins(text: str | None = None) -> dict[str, str]:
    """Return the versions of `PINNED` in constraints.txt."""
    if text is None:
        text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    found = dict(re.findall(r"^([\w-]+)==([\w.]+)$", text, flags=re.MULTILINE))
    return {name: found[name] for name in PINNED}


def resolve(resolution: str, requirements: Iterable[str], folder: Path) -> Path:
    """Write the versions that a resolution of the requirements means; return the file.

    Raises:
        subprocess.CalledProcessError: The ranges contradict each other; uv says how.
    """
    asked, fixed = folder / "asked.txt", folder / "fixed.txt"
    asked.write_text("\n".join(requirements) + "\n", encoding="utf-8")
    fixed.write_text("".join(f"{n}=={v}\n" for n, v in pins().items()), encoding="utf-8")
    versions = folder / "versions.txt"
    command = [sys.executable, "-m", "uv", "pip", "compile", "-q", str(asked)]
    command += ["--override", str(fixed), "--resolution", RESOLUTIONS[resolution]]
    command += ["--python-version", "3.11", "--no-header", "--no-annotate", "-o", str(versions)]
    subprocess.run(command, check=True)
    return versions


def told(requirements: Iterable[str], versions: Path) -> str:
    """Return, for each requirement, the version that it came to."""
    found = dict(re.findall(r"^([\w-]+)==(\S+)$", versions.read_text(), flags=re.MULTILINE))
    lines = [f"{line:<28} {found.get(name_of(line), 'not installed')}" for line in requirements]
    return "\n".join(lines)


def install(names: Iterable[str], requirements: list[str], versions: Path, folder: Path) -> Path:
    """Make the environment with these distributions; return its Python."""
    venv, wheels = folder / "venv", folder / "wheels"
    for old in (venv, wheels):
        shutil.rmtree(old, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = venv / "bin/python"
    heavy = {name_of(line) for line in requirements} & set(PINNED)
    named = [f"{name}=={pins()[name]}" for name in PINNED] if heavy else []
    pip = [str(python), "-m", "pip", "install", "-qq", "-c", str(versions)]
    subprocess.run([*pip, *named, *requirements, *FOR_TESTS], check=True)
    known = distributions()
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", str(wheels), *(str(known[n]) for n in names)], check=True)
    ours = [str(wheel) for wheel in sorted(wheels.glob("*.whl"))]
    subprocess.run([str(python), "-m", "pip", "install", "-q", "--no-deps", *ours], check=True)
    return python


def tried(name: str, folder: Path, python: Path, home: Path) -> int:
    """Run a distribution's tests; return pytest's exit code."""
    command = [str(python), "-m", "pytest", "-q", "-m", "not long", "-p", "no:cacheprovider"]
    environment = {**os.environ, "IMAGERAG_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    sys.stdout.write(f"\n== {name}\n")
    sys.stdout.flush()
    done = subprocess.run([*command, str(folder / "tests")], cwd=ROOT, env=environment)
    return 0 if done.returncode == _NOTHING_RAN else done.returncode


def main() -> int:
    """Resolve, install and test."""
    parser = argparse.ArgumentParser(description="Test with the lowest or newest versions.")
    parser.add_argument("resolution", choices=list(RESOLUTIONS))
    parser.add_argument("names", nargs="*", help="distributions or their folders")
    parser.add_argument("--resolve", action="store_true", help="only say which versions")
    arguments = parser.parse_intermixed_args()
    asked = chosen(arguments.names or [n for n in distributions() if is_light(n)])
    known = distributions()
    whole = sorted({one for name in asked for one in needed(name, known)})
    folder = ROOT / "out" / arguments.resolution
    folder.mkdir(parents=True, exist_ok=True)
    requirements = direct(whole)
    versions = resolve(arguments.resolution, requirements, folder)
    sys.stdout.write(told(requirements, versions) + "\n")
    if arguments.resolve:
        return 0
    python = install(whole, requirements, versions, folder)
    codes = {name: tried(name, path, python, folder / "home") for name, path in asked.items()}
    failed = [name for name, code in codes.items() if code]
    sys.stdout.write(f"\nfailed: {', '.join(failed) or 'none'} of {len(codes)}\n")
    return _FAILED if failed else 0


if __name__ == "__main__":
    sys.exit(main())
