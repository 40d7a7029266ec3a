"""Every distribution builds as a wheel, and core + one plugin are a whole installation."""

from __future__ import annotations

import json
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = sorted(file.parent.name for file in ROOT.glob("plugins/*/pyproject.toml"))


@pytest.fixture(scope="module")
def commands(wheels, make_environment):
    """An environment with the core and the usearch plugin."""
    names = ("imagerag", "imagerag-vectors", "imagerag-usearch")
    return make_environment(*(wheels[name] for name in names))


def test_every_distribution_builds_as_a_wheel(root, wheels):
    assert set(wheels) == {"imagerag", *(f"imagerag-{p.name}" for p in root.glob("plugins/*/"))}


@pytest.mark.parametrize("name", ["imagerag", *(f"imagerag-{p}" for p in PLUGINS)])
def test_a_wheel_holds_licence_types_and_one_package(wheels, name):
    package = name.replace("-", "_")
    with zipfile.ZipFile(wheels[name]) as wheel:
        names = wheel.namelist()
        metadata = next(n for n in names if n.endswith(".dist-info/METADATA"))
        fields = Parser().parsestr(wheel.read(metadata).decode())
    assert any(n.endswith("/licenses/LICENSE") for n in names)
    assert f"{package}/py.typed" in names
    tops = {n.partition("/")[0] for n in names if ".dist-info" not in n}
    assert tops == {package}, "a wheel must not install tests, training code or shared folders"
    assert fields["License-Expression"] == "Apache-2.0"
    assert fields["Requires-Python"] == ">=3.11"
    assert fields.get_payload().strip(), "the README is the description"


@pytest.mark.parametrize("name", ["imagerag", *(f"imagerag-{p}" for p in PLUGINS)])
def test_a_wheel_holds_every_data_file_of_its_package(root, wheels, name):
    project = root / ("core" if name == "imagerag" else f"plugins/{name.removeprefix('imagerag-')}")
    source = project / "src"
    expected = {
        file.relative_to(source).as_posix()
        for file in source.rglob("*")
        if file.is_file() and not {"__pycache__", ".mypy_cache"} & set(file.parts)
    }
    with zipfile.ZipFile(wheels[name]) as wheel:
        missing = expected - set(wheel.namelist())
    assert not missing, f"rebuild, or mend [tool.hatch.build] of {name}"


def test_versions_in_wheels_are_those_that_siblings_ask_for(root, wheels):
    versions = {name: Version(wheel.name.split("-")[1]) for name, wheel in wheels.items()}
    for file in [root / "core/pyproject.toml", *root.glob("plugins/*/pyproject.toml")]:
        for line in tomllib.loads(file.read_text())["project"]["dependencies"]:
            wanted = Requirement(line)
            if wanted.name in versions:
                assert wanted.specifier.contains(versions[wanted.name], prereleases=True), line


def test_only_the_installed_plugin_shows_up(run, commands):
    listed = json.loads(run(commands / "imagerag", "plugins", "list", "--json").stdout)
    assert {offer["distribution"] for offer in listed["offers"]} == {"imagerag", "imagerag-usearch"}
    assert [o["name"] for o in listed["offers"] if o["role"] == "retriever"] == ["union", "usearch"]
    assert not [o for o in listed["offers"] if o["role"] in ("generator", "preset")]
    assert listed["broken"] == []


def test_the_module_is_the_same_command(run, commands):
    spoken = run(commands / "python", "-m", "imagerag", "--version").stdout
    assert spoken == run(commands / "imagerag", "--version").stdout
    assert spoken.startswith("imagerag 0.")


def test_what_is_not_installed_is_named_with_its_distribution(run, commands, tmp_path):
    done = run(commands / "imagerag", "demo", cwd=tmp_path, expect=2)
    assert "pip install imagerag-sandbox" in done.stderr
    done = run(commands / "imagerag", "config", "show", "-c", "sandbox", cwd=tmp_path, expect=2)
    assert "pip install imagerag-sandbox" in done.stderr
    (tmp_path / "imagerag.toml").write_text('[generator]\nuse = "sdxl"\n')
    done = run(commands / "imagerag", "config", "show", cwd=tmp_path, expect=2)
    assert "pip install imagerag-sdxl" in done.stderr
    assert "Traceback" not in done.stderr
