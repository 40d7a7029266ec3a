"""The files of a new plugin: all of them or none, and never over anything that is there."""

from __future__ import annotations

import ast
import os
import re
import stat
import tomllib
from pathlib import PurePosixPath

import pytest

from imagerag import Registry
from imagerag.errors import UsageError
from imagerag.hooks import ROLE_HOOKS
from imagerag.scaffold.names import choose
from imagerag.scaffold.rendering import _core_range, render, write

FILES = {PurePosixPath("a.txt"): "one\n", PurePosixPath("in/b.txt"): "two\n"}


def rendered(role="generator", name="wet-paint", **more):
    return render(choose(role, name, Registry([]), **more))


@pytest.mark.parametrize("role", ROLE_HOOKS)
def test_every_role_has_a_whole_distribution(role):
    files = {str(path): text for path, text in rendered(role).items()}
    package = "src/imagerag_wet_paint"
    # A generator is of no use without the conditioner that speaks its language.
    modules = {"__init__", "config", "plugin", role} | {
        "generator": {"conditioner"},
    }.get(role, set())
    assert sorted(files) == sorted(
        [
            ".gitignore",
            "LICENSE",
            "README.md",
            "pyproject.toml",
            *(f"{package}/{name}.py" for name in modules),
            f"{package}/py.typed",
            "tests/test_conformance.py",
            "tests/test_own_rules.py",
        ]
    )
    for path, text in files.items():
        assert "$" not in text, path
        assert text.endswith("\n") or not text, path
        if path.endswith(".py"):
            assert ast.get_docstring(ast.parse(text)), path


@pytest.mark.parametrize("role", ROLE_HOOKS)
def test_the_project_says_what_is_needed(role):
    project = tomllib.loads(rendered(role)[PurePosixPath("pyproject.toml")])["project"]
    assert project["name"] == "imagerag-wet-paint"
    assert f"imagerag{_core_range()}" in project["dependencies"]
    assert project["optional-dependencies"]["test"] == ["imagerag[testing]"]
    assert project["entry-points"] == {"imagerag": {"wet-paint": "imagerag_wet_paint.plugin"}}


@pytest.mark.parametrize("role", ROLE_HOOKS)
def test_the_three_lines_of_the_suite_are_there(role):
    text = rendered(role)[PurePosixPath("tests/test_conformance.py")]
    suite = f"{role.capitalize()}Suite"
    assert re.search(rf"from imagerag.testing import .*\b{suite}\b", text)
    assert f"({suite}):" in text
    assert 'component = "wet-paint"' in text


@pytest.mark.parametrize(
    "description",
    ['Says "paint" aloud', "A painter's own", "back\\slash \\n", "grün & ☂", "$name ${x} {y} %s"],
)
def test_a_description_arrives_as_it_was_given(description):
    files = rendered(description=description)
    project = tomllib.loads(files[PurePosixPath("pyproject.toml")])["project"]
    assert project["description"] == description
    tree = ast.parse(files[PurePosixPath("src/imagerag_wet_paint/plugin.py")])
    [summary, *_] = [
        keyword.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "summary"
    ]
    assert ast.literal_eval(summary) == description
    assert description in files[PurePosixPath("README.md")]


def test_the_core_s_range_follows_its_version(monkeypatch):
    from imagerag.scaffold import rendering

    for version, expected in {
        "0.1.0": ">=0.1,<0.2",
        "0.12.3rc1": ">=0.12,<0.13",
        "1.4.2": ">=1.4,<2",
    }.items():
        monkeypatch.setattr(rendering.metadata, "version", lambda name, version=version: version)
        assert rendering._core_range() == expected


def test_files_are_written_into_a_new_folder(tmp_path):
    write(tmp_path / "deep" / "new", FILES)
    assert (tmp_path / "deep" / "new" / "in" / "b.txt").read_text() == "two\n"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["new"]
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", FILES)
    assert (tmp_path / "empty" / "a.txt").read_text() == "one\n"


def existing_file(path):
    path.write_text("mine")


def existing_folder(path):
    path.mkdir()
    (path / "notes.txt").write_text("mine")


def hidden_file_inside(path):
    path.mkdir()
    (path / ".git").write_text("mine")


def link_to_an_empty_folder(path):
    (path.parent / "elsewhere").mkdir()
    path.symlink_to(path.parent / "elsewhere")


def link_to_nowhere(path):
    path.symlink_to(path.parent / "nowhere")


@pytest.mark.parametrize(
    "there",
    [existing_file, existing_folder, hidden_file_inside, link_to_an_empty_folder, link_to_nowhere],
)
def test_nothing_is_ever_written_over(tmp_path, there):
    place = tmp_path / "place"
    there(place)
    before = sorted((str(p), p.is_symlink() or p.is_file()) for p in tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="is there already, and nothing is written over"):
        write(place, FILES)
    assert sorted((str(p), p.is_symlink() or p.is_file()) for p in tmp_path.rglob("*")) == before


def test_what_cannot_be_written_whole_leaves_nothing(tmp_path):
    wrong = {**FILES, PurePosixPath("a.txt/below-a-file.txt"): "three\n"}
    with pytest.raises(UsageError, match="cannot be written"):
        write(tmp_path / "new", wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot be written: .*--folder"):
        write(tmp_path / "file" / "new", FILES)


def test_others_may_read_what_was_written(tmp_path):
    mask = os.umask(0o022)
    try:
        write(tmp_path / "new", FILES)
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "new" / "a.txt").stat().st_mode) == 0o644


# The command


def test_the_command_writes_and_says_what_comes_next(shell):
    done = shell("plugins", "new", "critic", "stern", "--description", "Never content")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("wrote imagerag-stern:\n  .gitignore\n  LICENSE\n")
    assert done.stdout.endswith(
        "Next:\n"
        "  pip install -e './imagerag-stern[test]'\n"
        "  python -m pytest imagerag-stern\n"
        "  imagerag plugins check stern\n"
    )
    assert "Never content" in (shell.work / "imagerag-stern" / "README.md").read_text()
    again = shell("plugins", "new", "critic", "stern")
    assert again.returncode == 2
    assert "'imagerag-stern' is there already" in again.stderr


def test_the_command_takes_names_and_a_folder(shell, tmp_path):
    options = ["--distribution", "acme-stern", "--package", "acme_stern"]
    folder = tmp_path / "my plugins" / "stern"
    done = shell("plugins", "new", "critic", "stern", *options, "--folder", folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "src" / "acme_stern" / "critic.py").is_file()
    assert f"pip install -e '{folder}[test]'" in done.stdout
    assert f"python -m pytest '{folder}'" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["painter", "x"], "invalid choice: 'painter'"),
        (["generator"], "NAME"),
        (["generator", "My Paint"], "Did you mean 'my-paint'?"),
        (["retriever", "union"], "is offered by imagerag already"),
        (
            ["generator", "pixart", "--distribution", "acme-pixart"],
            "the conditioner 'pixart' is offered by",
        ),
    ],
)
def test_a_wrong_call_writes_nothing(shell, words, told):
    done = shell("plugins", "new", *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert list(shell.work.iterdir()) == []


def test_what_is_installed_clashes_with_a_new_plugin(acme_shell):
    done = acme_shell("plugins", "new", "generator", "seeded")
    assert done.returncode == 2
    assert "the generator 'seeded' is offered by acme-imagerag already" in done.stderr
