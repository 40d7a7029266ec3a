"""Build every wheel and sdist into dist/, check them, install each alone and run its suite.

    python scripts/dist.py [NAME …] [--no-install]

Each distribution is installed from its wheel and the wheels of those it declares, into an
environment with everybody else's packages and nothing of this tree. Then nothing may be broken, and
its conformance suite, `tests/test_*suite*.py`, must pass. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from archives import wrong_with_sdist, wrong_with_wheel
from environment import make, third_party, variables
from workspace import ROOT, chosen, distributions, needed

DIST = ROOT / "dist"
SUITES = "test_*suite*.py"


def build(folder: Path) -> None:
    """Build an sdist, and the wheel from that sdist, so that an sdist is enough to build from."""
    command = [sys.executable, "-m", "build", "--no-isolation", "-o", str(DIST), str(folder)]
    done = subprocess.run(command, env=variables(), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{folder}: {done.stdout}\n{done.stderr}")


def archive(name: str, ending: str) -> Path:
    """Return the one archive of a distribution in dist/."""
    (found,) = DIST.glob(f"{name.replace('-', '_')}-[0-9]*{ending}")
    return found


def wrong_with(name: str, folder: Path) -> list[str]:
    """Return what is wrong with the archives of a distribution."""
    wheel, sdist = archive(name, ".whl"), archive(name, ".tar.gz")
    told = [f"{wheel.name}: {one}" for one in wrong_with_wheel(wheel, name, folder / "src")]
    told += [f"{sdist.name}: {one}" for one in wrong_with_sdist(sdist, name)]
    command = [sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        told.append(f"{name}: twine check: {done.stdout}{done.stderr}")
    return told


def alone(name: str, folder: Path, theirs: Path, place: Path) -> tuple[str, bool]:
    """Install a distribution from wheels and run its suite; return what came of it, and if well."""
    wheels = [archive(one, ".whl") for one in sorted(needed(name, distributions()))]
    commands = make(place / "venv", theirs, *wheels)
    environment = {**variables(), "IMAGERAG_HOME": str(place / "home")}
    command = [str(commands / "imagerag"), "plugins", "list", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=place)
    if done.returncode:
        return done.stderr, False
    if broken := json.loads(done.stdout)["broken"]:
        return f"broken: {broken}", False
    suites = sorted((folder / "tests").glob(SUITES))
    if not suites:
        return "a library: no component, no suite", True
    tests = place / folder.parent.name / folder.name / "tests"
    shutil.copytree(folder / "tests", tests, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / file, place)
    command = [str(commands / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-m", "not long", *(str(tests / suite.name) for suite in suites)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=place)
    lines = done.stdout.strip().splitlines()
    told = lines[-1] if lines and not done.returncode else f"{done.stdout}\n{done.stderr}"
    return told, done.returncode == 0


def main() -> int:
    """Build, check and install."""
    parser = argparse.ArgumentParser(description="Build and check every distribution.")
    parser.add_argument("names", nargs="*", help="distributions or their folders (all)")
    parser.add_argument("--no-install", action="store_true", help="only build, and check archives")
    arguments = parser.parse_intermixed_args()
    asked = chosen(arguments.names)
    known = distributions()
    for old in [*DIST.glob("*.whl"), *DIST.glob("*.tar.gz")]:
        old.unlink()
    for name in dict.fromkeys(one for each in asked for one in sorted(needed(each, known))):
        build(known[name])
    failed = False
    for name, folder in asked.items():
        wrong = wrong_with(name, folder)
        failed = failed or bool(wrong)
        for line in wrong:
            sys.stderr.write(f"{line}\n")
        size = archive(name, ".whl").stat().st_size / 1e6
        sys.stdout.write(f"{archive(name, '.whl').name}: {size:.2f} MB, {len(wrong)} complaints\n")
    if failed or arguments.no_install:
        return int(failed)
    with tempfile.TemporaryDirectory(prefix="imagerag-dist-") as base:
        (Path(base) / "third-party").mkdir()
        theirs = third_party(Path(base) / "third-party")
        for name, folder in asked.items():
            place = Path(base) / name
            place.mkdir()
            told, good = alone(name, folder, theirs, place)
            failed = failed or not good
            sys.stdout.write(f"{name} alone: {told}\n")
            sys.stdout.flush()
            shutil.rmtree(place)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
