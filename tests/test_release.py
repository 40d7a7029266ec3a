"""Versions come from tags, changes from fragments, bounds from what each project asks for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import archives  # noqa: E402
import changelog  # noqa: E402
import resolutions  # noqa: E402
import workspace  # noqa: E402

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


# --- changes --------------------------------------------------------------------------------------


def test_every_fragment_is_well_formed():
    _, wrong = changelog.read()
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("sdxl.masks.md", "Masks may overlap now.", "WHERE.WHAT.KIND"),
        ("sdlx.masks.added.md", "Masks may overlap now.", "folder of no distribution"),
        ("sdxl.masks.new.md", "Masks may overlap now.", "none of added"),
        ("sdxl.masks.added.md", "Masks.", "6 characters"),
        ("sdxl.masks.added.md", "* Masks may overlap now.", "bullet"),
        ("sdxl.masks.added.md", "Masks may overlap now", "sentences"),
        ("sdxl.masks.added.md", "Masks may overlap now.\n\nReally.", "one paragraph"),
    ],
)
def test_a_malformed_fragment_is_named_with_what_is_wrong(tmp_path, name, text, told):
    (tmp_path / name).write_text(text)
    [wrong] = changelog.read(tmp_path)[1]
    assert wrong.startswith(name)
    assert told in wrong


def test_fragments_become_a_section_above_the_others(tmp_path):
    (tmp_path / "sdxl.masks.fixed.md").write_text("Masks may\noverlap now.\n")
    (tmp_path / "core.speed.added.md").write_text("Everything is faster.\n")
    fragments, wrong = changelog.read(tmp_path)
    assert wrong == []
    title = changelog.heading("0.3.0", ["core", "sdxl"])
    before = "# Changes\n\nWhat users notice.\n\n## 0.2.0 (2026-01-01)\n\n* Old.\n"
    assert changelog.gathered(before, title, "2026-02-01", changelog.bullets(fragments)) == (
        "# Changes\n\nWhat users notice.\n\n"
        "## imagerag 0.3.0, imagerag-sdxl 0.3.0 (2026-02-01)\n\n"
        "* **Added**, `imagerag`: Everything is faster.\n"
        "* **Fixed**, `imagerag-sdxl`: Masks may overlap now.\n\n"
        "## 0.2.0 (2026-01-01)\n\n* Old.\n"
    )


def test_a_section_that_waits_gets_its_date_and_the_fragments_at_its_end():
    title = changelog.heading("0.1.0", list(changelog.folders()))
    assert title == "## 0.1.0"
    before = "# Changes\n\n## 0.1.0 (unreleased)\n\n* First.\n"
    after = changelog.gathered(before, title, "2026-02-01", "* Second.")
    assert after == "# Changes\n\n## 0.1.0 (2026-02-01)\n\n* First.\n* Second.\n"
    followed = changelog.gathered(before + "\n## 0.0.9\n\n* Old.\n", title, "2026-02-01", "* 2.")
    assert followed.endswith("* First.\n* 2.\n\n## 0.0.9\n\n* Old.\n")


# --- archives -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist of a small distribution, and the wheel built from it."""
    folder = tmp_path_factory.mktemp("built")
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "-o",
        folder,
        ROOT / "plugins/grape",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


GRAPE = ("imagerag-grape", ROOT / "plugins/grape/src")


def test_what_is_built_from_this_tree_has_nothing_wrong(built):
    assert archives.wrong_with_wheel(built[0], *GRAPE) == []
    assert archives.wrong_with_sdist(built[1], GRAPE[0]) == []


def changed_wheel(built, folder, leave_out=None, add=(), text=None):
    """Return a copy of the wheel with something left out, added, or changed in its METADATA."""
    copy = folder / built[0].name
    with zipfile.ZipFile(built[0]) as old, zipfile.ZipFile(copy, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if text and name.endswith("/METADATA"):
                data = data.replace(*(one.encode() for one in text))
            if not leave_out or not name.endswith(leave_out):
                new.writestr(name, data)
        for name in add:
            new.writestr(name, b"x")
    return copy


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"leave_out": "/py.typed"}, ["1 files of the package", "py.typed is missing"]),
        ({"leave_out": "/LICENSE"}, ["the licence is missing"]),
        ({"leave_out": ".toml"}, ["files of the package are missing"]),
        ({"add": ["tests/test_x.py"]}, ["it installs ['imagerag_grape', 'tests']"]),
        ({"add": ["imagerag_grape/tests/test_x.py"]}, ["does not belong"]),
        ({"add": ["imagerag_grape/__pycache__/x.pyc"]}, ["does not belong"]),
        ({"text": ("Apache-2.0", "MIT")}, ["License-Expression is 'MIT'"]),
        ({"text": ("Summary: ", "Nothing: ")}, ["no summary"]),
        ({"text": ("text/markdown", "text/plain")}, ["not said to be Markdown"]),
    ],
    ids=str,
)
def test_a_wheel_with_a_defect_is_refused_for_that_alone(built, tmp_path, change, told):
    wrong = archives.wrong_with_wheel(changed_wheel(built, tmp_path, **change), *GRAPE)
    assert len(wrong) == len(told)
    for one, expected in zip(wrong, told, strict=True):
        assert expected in one


def test_an_archive_that_is_too_large_is_refused(built, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST", 1000)
    assert "more than 1,000" in archives.wrong_with_wheel(built[0], *GRAPE)[0]
    assert "more than 1,000" in archives.wrong_with_sdist(built[1], GRAPE[0])[0]


def test_an_sdist_with_tests_or_without_its_licence_is_refused(built, tmp_path):
    copy = tmp_path / built[1].name
    with tarfile.open(built[1]) as old, tarfile.open(copy, "w:gz") as new:
        for member in old.getmembers():
            if not member.name.endswith("/LICENSE"):
                new.addfile(member, old.extractfile(member))
        stray = tarfile.TarInfo(f"{member.name.partition('/')[0]}/tests/test_x.py")
        new.addfile(stray)
    wrong = archives.wrong_with_sdist(copy, GRAPE[0])
    assert wrong == ["LICENSE is missing", "it holds the folders ['src', 'tests'], not 'src' alone"]


# --- lists and bounds -----------------------------------------------------------------------------


def test_the_distributions_are_those_that_have_a_pyproject():
    assert list(workspace.distributions().values()) == FOLDERS
    assert list(workspace.chosen(["usearch", "imagerag"])) == ["imagerag-usearch", "imagerag"]
    with pytest.raises(SystemExit, match="no distribution flox"):
        workspace.chosen(["flox"])


def test_what_is_needed_is_followed_to_the_end():
    needed = workspace.needed("imagerag-sdxl", workspace.distributions())
    assert needed == {"imagerag", "imagerag-diffusers", "imagerag-sdxl", "imagerag-torch"}


def test_what_does_without_torch_is_found_out():
    light = {name for name in workspace.distributions() if resolutions.is_light(name)}
    assert {"imagerag", "imagerag-usearch", "imagerag-openai"} <= light
    assert not light & {"imagerag-torch", "imagerag-sdxl", "imagerag-sandbox", "imagerag-vlm"}


def test_torch_is_pinned_where_versions_are_resolved():
    pinned = resolutions.pins()
    assert set(pinned) == set(resolutions.PINNED)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name, version in pinned.items():
        assert f"{name}=={version}" in makefile


@folders
def test_every_dependency_has_a_lower_bound(folder):
    for line in settings(folder)["project"]["dependencies"]:
        assert ">=" in line, f"{line}: `make test-lowest` has nothing to try"


def test_no_list_of_distributions_is_kept_by_hand_in_make():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    names = {folder.name for folder in FOLDERS if folder.parent.name == "plugins"}
    # The sandbox has targets of its own; torch and others are libraries' names as well.
    listed = re.findall(r"plugins/([a-z-]+)", makefile)
    assert set(listed) & names <= {"sandbox"}


def test_installing_without_make_names_what_the_demonstration_needs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Installation without make")[2].partition("\n## ")[0]
    listed = re.findall(r"-e \./([\w/-]+)", section.partition("```bash")[2].partition("```")[0])
    known = workspace.distributions()
    needed = workspace.needed("imagerag-sandbox", known)
    assert {(ROOT / one) for one in listed} == {known[name] for name in needed}
