"""The example of a third party's plugin: installed by its path, outside of the workspace."""

from __future__ import annotations

import ast
import json
import re
import shutil
import sys

import pytest


@pytest.fixture(scope="module")
def example(root):
    """The folder of the example."""
    return root / "examples" / "imagerag-acme"


@pytest.fixture(scope="module")
def site(tmp_path_factory, run, example):
    """A folder of installed packages with the example in it, and nothing of the workspace."""
    site = tmp_path_factory.mktemp("acme") / "site"
    options = ("-q", "--no-index", "--no-deps", "--no-build-isolation", "--target", site)
    run(sys.executable, "-m", "pip", "install", *options, example)
    return site


@pytest.fixture(scope="module")
def imagerag(tmp_path_factory, run, site):
    """Run `imagerag` where the example is installed."""
    desk = tmp_path_factory.mktemp("desk")

    def imagerag(*words, expect=0):
        command = (sys.executable, "-m", "imagerag", *words)
        return run(*command, cwd=desk, expect=expect, PYTHONPATH=site, IMAGERAG_HOME=desk / "home")

    return imagerag


def test_its_own_tests_pass(run, example, site, tmp_path):
    shutil.copytree(example / "tests", tmp_path / "tests")
    shutil.copy(example / "pyproject.toml", tmp_path)
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    done = run(*command, cwd=tmp_path, PYTHONPATH=site, IMAGERAG_HOME=tmp_path / "home")
    assert re.search(r"\d{3} passed", done.stdout), done.stdout


def test_it_is_found_listed_and_described(imagerag):
    offers = json.loads(imagerag("plugins", "list", "--json").stdout)["offers"]
    mine = [o for o in offers if o["distribution"] == "imagerag-acme"]
    assert [(o["role"], o["name"], o["remote"]) for o in mine] == [
        ("critic", "own-server", True),
        ("retriever", "shelf", False),
    ]
    told = imagerag("plugins", "info", "own-server").stdout
    assert "remote: yes, data leaves this machine" in told
    assert "keys from the environment: ACME_VLM_KEY" in told
    assert "deadline = 60.0" in told


def test_it_gives_the_doctor_nothing_to_do(imagerag):
    report = json.loads(imagerag("plugins", "doctor", "--json").stdout)
    assert report["problems"] == []
    [plugin] = [p for p in report["plugins"] if p["distribution"] == "imagerag-acme"]
    assert plugin["imports"] == []


def test_what_is_installed_is_held_to_the_rules(imagerag):
    [checked] = json.loads(imagerag("plugins", "check", "shelf", "--json").stdout)
    outcomes = {rule["rule"]: rule["outcome"] for rule in checked["rules"]}
    assert outcomes["the-nearest-are-found"] == "held"
    assert set(outcomes.values()) <= {"held", "unjudged"}


def test_a_remote_part_is_not_called_unless_that_is_allowed(imagerag):
    for name in ("own-server", "imagerag-acme"):
        done = imagerag("plugins", "check", name, expect=2)
        assert "own-server@imagerag-acme sends data away" in done.stderr
        assert "--allow-remote" in done.stderr


def test_its_readme_is_true(run, example, site, tmp_path):
    text = (example / "README.md").read_text(encoding="utf-8")
    tables = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "imagerag.toml").write_text("\n".join(tables), encoding="utf-8")
    show = (sys.executable, "-m", "imagerag", "config", "show", "--json")
    shown = json.loads(run(*show, cwd=tmp_path, PYTHONPATH=site).stdout)
    for role in ("retriever", "critic"):
        for option in shown[role]:
            assert option == "use" or f"| `{option}` |" in text, option
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (example / link).exists(), link


def test_it_imports_nothing_but_the_public_face(root, example):
    reference = (root / "docs/reference/roles-and-hooks.md").read_text(encoding="utf-8")
    section = reference.partition("## Public modules")[2].partition("\n## ")[0]
    public = set(re.findall(r"^\| `(imagerag[\w.]*)`", section, flags=re.MULTILINE))
    for file in example.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                top = name.partition(".")[0]
                assert top != "imagerag" or name in public, f"{file.name} imports {name}"
                assert not top.startswith("imagerag_") or top == "imagerag_acme", file.name


def test_nothing_of_the_workspace_knows_it(root):
    places = [root / "Makefile", root / "pyproject.toml", root / "constraints.txt"]
    places += [*root.glob("plugins/*/pyproject.toml"), *root.glob("core/src/**/*.json")]
    for place in places:
        assert "acme" not in place.read_text(encoding="utf-8"), place


def test_its_types_are_strict(run, example, tmp_path):
    command = (sys.executable, "-m", "mypy", "--cache-dir", tmp_path, "src", "tests")
    run(*command, cwd=example)
