"""What `imagerag plugins new` writes, for every role: it installs, works and passes its tests."""

from __future__ import annotations

import json
import shutil
import sys
from xml.etree import ElementTree

import pytest

from imagerag import Registry
from imagerag.hooks import ROLE_HOOKS
from imagerag.scaffold.names import LONGEST_NAME, choose
from imagerag.scaffold.rendering import render, write

ROLES = list(ROLE_HOOKS)
each_role = pytest.mark.parametrize("role", ROLES)


def name_of(role):
    return f"made-{role}"


@pytest.fixture(scope="module")
def written(tmp_path_factory, run):
    """A folder with a new distribution for each role, as the command writes them."""
    folder = tmp_path_factory.mktemp("written")
    for role in ROLES:
        new = ("plugins", "new", role, name_of(role))
        run(sys.executable, "-m", "imagerag", *new, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory, run, written):
    """A folder of installed packages with all of them."""
    site = tmp_path_factory.mktemp("installed") / "site"
    options = ("-q", "--no-index", "--no-deps", "--no-build-isolation", "--target", site)
    run(sys.executable, "-m", "pip", "install", *options, *sorted(written.glob("imagerag-*")))
    return site


@pytest.fixture(scope="module")
def imagerag(tmp_path_factory, run, site):
    """Run `imagerag` where they are installed."""
    desk = tmp_path_factory.mktemp("desk")

    def imagerag(*words, expect=0, path=site):
        command = (sys.executable, "-m", "imagerag", *words)
        return run(*command, cwd=desk, expect=expect, PYTHONPATH=path, IMAGERAG_HOME=desk / "home")

    return imagerag


@pytest.fixture(scope="module")
def results(tmp_path_factory, run, written, site):
    """What came of their own tests, run in one process: {role: {test: what went wrong or ""}}."""
    folder = tmp_path_factory.mktemp("tests")
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    for role in ROLES:
        shutil.copytree(written / f"imagerag-{name_of(role)}" / "tests", folder / role)
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    options = ("--import-mode=importlib", "--junit-xml", folder / "results.xml")
    done = run(*command, *options, cwd=folder, expect=None, PYTHONPATH=site, IMAGERAG_HOME=folder)
    assert (folder / "results.xml").exists(), done.stdout + done.stderr
    found = {role: {} for role in ROLES}
    for case in ElementTree.parse(folder / "results.xml").iter("testcase"):
        wrong = [*case.iter("failure"), *case.iter("error")]
        role = case.get("classname").partition(".")[0]
        found[role][case.get("name")] = "\n".join(part.text or "" for part in wrong)
    return found


CHECK = """
import contextlib, io, json, sys
from imagerag.cli.entry import main

told = {}
for name in sys.argv[1:]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(["plugins", "check", name, "--json"])
    told[name] = [code, json.loads(out.getvalue())]
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def checked(tmp_path_factory, run, site):
    """Exit code and report of `imagerag plugins check`, by role."""
    home = tmp_path_factory.mktemp("checked")
    names = [name_of(role) for role in ROLES]
    done = run(sys.executable, "-c", CHECK, *names, PYTHONPATH=site, IMAGERAG_HOME=home, cwd=home)
    told = json.loads(done.stdout.splitlines()[-1])
    return {role: told[name_of(role)] for role in ROLES}


@each_role
def test_its_own_tests_pass(results, role):
    wrong = {test: told for test, told in results[role].items() if told}
    assert wrong == {}
    suites = [test for test in results[role] if test == "test_options_are_explained"]
    assert len(suites) == 1, "the conformance suite was not run"
    assert len(results[role]) > 20


@each_role
def test_what_is_installed_is_listed_and_described(imagerag, role):
    info = ("plugins", "info", name_of(role), "--role", role, "--json")
    [described] = json.loads(imagerag(*info).stdout)
    assert described["role"] == role
    assert described["distribution"] == f"imagerag-{name_of(role)}"
    assert all(option["description"] for option in described["options"].values())
    offers = json.loads(imagerag("plugins", "list", "--role", role, "--json").stdout)["offers"]
    assert name_of(role) in [offer["name"] for offer in offers]


@each_role
def test_what_is_installed_is_held_to_the_rules(checked, role):
    code, reports = checked[role]
    assert code == 0
    roles = ["generator", "conditioner"] if role == "generator" else [role]
    assert [each["role"] for each in reports] == roles
    report = reports[0]
    assert report["component"] == f"{name_of(role)}@imagerag-{name_of(role)}"
    outcomes = {rule["rule"]: rule["outcome"] for rule in report["rules"]}
    assert outcomes["importing-is-light"] == "held"
    assert "broken" not in outcomes.values()
    assert all(rule["sentence"] for rule in report["rules"])
    assert all(rule["told"] for rule in report["rules"] if rule["outcome"] == "unjudged")


def test_they_give_the_doctor_nothing_to_do(imagerag):
    assert json.loads(imagerag("plugins", "doctor", "--json").stdout)["problems"] == []


def test_a_broken_rule_is_told_with_what_to_do(imagerag, site, tmp_path):
    package = f"imagerag_{name_of('generator').replace('-', '_')}"
    copy = shutil.copytree(site, tmp_path / "site")
    module = copy / package / "generator.py"
    text = module.read_text(encoding="utf-8")
    assert ", guidance.seed))" in text
    module.write_text(text.replace(", guidance.seed))", "))"), encoding="utf-8")
    done = imagerag("plugins", "check", name_of("generator"), expect=1, path=copy)
    lines = done.stdout.splitlines()
    broken = [line.split() for line in lines if line.lstrip().startswith("BROKEN")]
    assert broken == [["BROKEN", "other-seed-other-picture"]]
    assert "Another seed gives another picture." in done.stdout
    assert "the seeds 7 and 8 give the same picture" in done.stdout
    assert [line for line in lines if line.endswith("rules held, 1 broken, 0 unjudged.")]


def test_a_generator_and_its_conditioner_paint_in_a_run(imagerag):
    use = [f"{role}.use={name_of('generator')}" for role in ("generator", "conditioner")]
    words = [word for each in use for word in ("--set", each)]
    done = imagerag("generate", "a hedgehog on a green background", *words, "--out", "wet.png")
    assert "shown" in done.stdout


def test_options_that_are_wrong_are_a_usage_error(imagerag):
    done = imagerag("plugins", "check", name_of("metric"), "--set", "sides=9", expect=2)
    assert "unknown key 'sides'. Did you mean 'side'?" in done.stderr
    done = imagerag("plugins", "check", "made-metrik", expect=2)
    assert "Did you mean 'made-metric'?" in done.stderr


@pytest.mark.parametrize("length", ["short", "longest"])
def test_what_is_written_is_linted_and_formatted(run, tmp_path, length):
    for role in ROLES:
        name = "x" if length == "short" else f"{'n' * (LONGEST_NAME - len(role) - 1)}-{role}"
        write(tmp_path / role, render(choose(role, name, Registry([]))))
    run(sys.executable, "-m", "ruff", "check", "--no-cache", ".", cwd=tmp_path)
    run(sys.executable, "-m", "ruff", "format", "--no-cache", "--check", ".", cwd=tmp_path)


def test_its_types_are_strict(run, written, site, tmp_path):
    # Test files of all roles have the same names: for one run they are told apart.
    for role in ROLES:
        for file in (written / f"imagerag-{name_of(role)}" / "tests").glob("*.py"):
            shutil.copy(file, tmp_path / f"{role}_{file.name}")
    packages = [str(path) for path in sorted(written.glob("imagerag-*/src/*"))]
    command = (sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache")
    run(*command, *packages, *sorted(tmp_path.glob("*.py")), cwd=tmp_path, PYTHONPATH=site)
