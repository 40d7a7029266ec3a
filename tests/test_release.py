"""Versions come from tags, changes from fragments, bounds from what each project asks for."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = [ROOT / "core", *sorted(f.parent for f in ROOT.glob("plugins/*/pyproject.toml"))]
GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org")

folders = pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)


def settings(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def version(folder: Path) -> Version:
    """Return the version that a build of this folder would have."""
    command = [sys.executable, "-m", "hatchling", "version"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Version(done.stdout.strip())


# --- versions -------------------------------------------------------------------------------------


@folders
def test_every_distribution_takes_its_version_from_tags_of_its_own(folder):
    read = settings(folder)
    name = read["project"]["name"]
    assert "version" not in read["project"]
    assert read["project"]["dynamic"] == ["version"]
    assert [line.partition(">")[0] for line in read["build-system"]["requires"]] == [
        "hatchling",
        "hatch-vcs",
    ]
    table = read["tool"]["hatch"]["version"]
    assert table["source"] == "vcs"
    assert table["tag-pattern"] == f"^{name}-v(?P<version>[0-9].*)$"
    options = table["raw-options"]
    assert (folder / options["root"]).resolve() == ROOT
    assert options["git_describe_command"].endswith(f" --match {name}-v[0-9]*")
    assert options["local_scheme"] == "no-local-version"
    assert read["tool"]["hatch"]["build"]["targets"]["sdist"] == {"only-include": ["src"]}


@folders
def test_the_fallback_is_the_series_that_siblings_ask_for(folder):
    fallback = Version(settings(folder)["tool"]["hatch"]["version"]["fallback-version"])
    name = settings(folder)["project"]["name"]
    for other in FOLDERS:
        for line in settings(other)["project"]["dependencies"]:
            named, _, bounds = line.partition(">=")
            if named == name:
                low, high = bounds.split(",<")
                assert Version(low) <= fallback < Version(high), other.name


@folders
def test_no_tag_is_newer_than_the_fallback_s_series(folder):
    read = settings(folder)
    pattern = f"{read['project']['name']}-v[0-9]*"
    listed = subprocess.run(
        ["git", "tag", "--list", pattern], cwd=ROOT, capture_output=True, text=True, check=True
    )
    fallback = Version(read["tool"]["hatch"]["version"]["fallback-version"])
    for tag in listed.stdout.split():
        released = Version(tag.rpartition("-v")[2])
        assert released.release[:2] <= fallback.release[:2], f"{tag}: raise fallback-version"


@pytest.fixture
def tree(tmp_path):
    """A repository with the core and two plugins, one of which has a name inside another's."""
    for name in ("core", "plugins/openai", "plugins/usearch"):
        (tmp_path / name).mkdir(parents=True)
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name / file, tmp_path / name)
    (tmp_path / ".gitignore").write_text("__pycache__/\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def git(folder, *words):
    subprocess.run([*GIT, *words], cwd=folder, check=True, capture_output=True)


def test_a_tagged_commit_has_the_tag_s_version_and_no_other_distribution_has(tree):
    git(tree, "tag", "imagerag-usearch-v0.1.7")
    git(tree, "tag", "imagerag-usearch-gpu-v0.9.0")
    assert version(tree / "plugins/usearch") == Version("0.1.7")
    assert version(tree / "core") < Version("0.1.7")
    git(tree, "tag", "imagerag-v0.1.3")
    assert version(tree / "core") == Version("0.1.3")
    assert version(tree / "plugins/usearch") == Version("0.1.7")
    assert version(tree / "plugins/openai").is_devrelease


def test_what_comes_after_a_tag_is_a_step_to_the_next_version(tree):
    git(tree, "tag", "imagerag-v0.1.3")
    git(tree, "commit", "-q", "--allow-empty", "-m", "second")
    assert version(tree / "core") == Version("0.1.4.dev1")
    git(tree, "tag", "imagerag-v0.1.4")
    (tree / "core/README.md").write_text("changed and not committed")
    assert version(tree / "core") == Version("0.1.5.dev0")


@pytest.mark.parametrize("kind", ["no tags", "no git"])
def test_a_tree_without_tags_builds_what_siblings_accept(tree, kind):
    if kind == "no git":
        shutil.rmtree(tree / ".git")
    for folder in ("core", "plugins/usearch", "plugins/openai"):
        assert Version("0.1") <= version(tree / folder) < Version("0.2")
