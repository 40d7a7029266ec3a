"""What is found of damaged, odd and hostile installations: each named, none in the others' way."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from imagerag import Registry
from imagerag.errors import NameClashError
from imagerag.installed import plainly_fits, wanted_core

HEALTHY = """
from imagerag.hooks import Offer, hookimpl

@hookimpl
def imagerag_generators():
    return [Offer("sparkle", "a generator", "nowhere.parts:Paint", "nowhere.parts:Options")]
"""


@pytest.fixture
def site(tmp_path, monkeypatch, install):
    """A folder on the path with a healthy plugin in it; modules of earlier tests are forgotten."""
    folder = tmp_path / "site"
    install(folder, "healthy", entry_points={"it": "healthy"}, modules={"healthy.py": HEALTHY})
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def of(registry, distribution):
    return [plugin for plugin in registry.plugins if plugin.distribution == distribution]


DAMAGED_LISTS = {
    "a line that is no entry point": (b"[imagerag]\nit broken\n", "line 2, 'it broken', is not"),
    "that in another group": (b"[console_scripts]\nrun\n[imagerag]\nit = x\n", "line 2, 'run'"),
    "bytes that are no text": (b"[imagerag]\nit = \xff\xfe\n", "UnicodeDecodeError"),
}


@pytest.mark.parametrize("kind", DAMAGED_LISTS)
def test_a_damaged_list_of_entry_points_is_named_and_harms_nobody_else(site, install, kind):
    content, told = DAMAGED_LISTS[kind]
    info = install(site, "aaa-damaged")
    (info / "entry_points.txt").write_bytes(content)
    registry = Registry()
    [plugin] = of(registry, "aaa-damaged")
    assert told in plugin.error
    assert "entry_points.txt cannot be read" in plugin.error
    assert plugin.version == "1.0"
    assert registry.find("generator", "sparkle").distribution == "healthy"
    assert registry.find("command", "doctor").distribution == "imagerag"


def test_beside_a_damaged_list_the_first_on_the_path_still_counts(
    site, install, tmp_path, monkeypatch
):
    (install(site, "aaa-damaged") / "entry_points.txt").write_bytes(b"[x]\ny\n")
    other = tmp_path / "other"
    install(other, "healthy", "2.0", entry_points={"it": "no_such_module"})
    monkeypatch.setattr(sys, "path", [*sys.path, str(other)])
    [plugin] = of(Registry(), "healthy")
    assert (plugin.version, plugin.error) == ("1.0", "")


def test_metadata_that_cannot_be_read_is_named_by_its_folder(site, install):
    info = install(site, "aaa-damaged", "3.4", entry_points={"it": "healthy"})
    (info / "METADATA").write_bytes(b"Metadata-Version: 2.1\nName: aaa-d\xff\nVersion: 3.4\n")
    registry = Registry()
    [plugin] = of(registry, "aaa_damaged")
    assert "METADATA cannot be read" in plugin.error
    assert plugin.version == "3.4"
    assert registry.find("generator", "sparkle")


@pytest.mark.parametrize("value", ["", "a b", "module:thing [", "1 + 1"])
def test_an_entry_point_that_names_no_module_is_told_in_words(site, install, value):
    install(site, "aaa-odd", entry_points={"it": value})
    [plugin] = of(Registry(), "aaa-odd")
    assert plugin.error == f"its entry point 'it' names {value!r}, which is no module"


def test_a_panic_of_compiled_code_stays_its_own_trouble(site, install):
    # Extension modules raise classes that derive from BaseException alone.
    text = "class PanicException(BaseException): pass\nraise PanicException('index out of bounds')"
    install(site, "aaa-panic", entry_points={"it": "panic"}, modules={"panic.py": text})
    registry = Registry()
    assert of(registry, "aaa-panic")[0].error == "PanicException: index out of bounds"
    assert registry.find("generator", "sparkle")


def test_ctrl_c_while_plugins_load_is_not_swallowed(site, install):
    text = "raise KeyboardInterrupt"
    install(site, "aaa-slow", entry_points={"it": "interrupted"}, modules={"interrupted.py": text})
    with pytest.raises(KeyboardInterrupt):
        Registry()


def test_what_a_plugin_prints_does_not_mix_with_results(shell, install):
    text = HEALTHY + "\nprint('hello from the plugin')\n"
    install(shell.site, "chatty", entry_points={"it": "chatty"}, modules={"chatty.py": text})
    done = shell("plugins", "list", "--json")
    assert [o["name"] for o in json.loads(done.stdout)["offers"] if o["role"] == "generator"]
    assert "hello from the plugin" in done.stderr


COMMAND = """
from imagerag.hooks import Command, Offer, hookimpl

@hookimpl
def imagerag_commands():
    return [Command("doctor", "a quack", "quack:fill")]

@hookimpl
def imagerag_sources():
    return [Offer("folder", "another folder", "quack:Folder", "quack:Options")]
"""


def test_no_plugin_can_take_a_name_of_the_core_s_away(site, install):
    install(site, "quack", entry_points={"it": "quack"}, modules={"quack.py": COMMAND})
    registry = Registry()
    assert registry.find("command", "doctor").distribution == "imagerag"
    assert registry.find("source", "folder").distribution == "imagerag"
    assert registry.find("command", "doctor@quack").distribution == "quack"


def test_two_others_with_one_name_still_clash(site, install):
    install(
        site, "healthy-too", entry_points={"it": "healthy_too"}, modules={"healthy_too.py": HEALTHY}
    )
    with pytest.raises(NameClashError, match="sparkle@healthy-too"):
        Registry().find("generator", "sparkle")


def test_libraries_that_come_with_the_hooks_are_noted(site, install):
    code = (
        "from imagerag import Registry\n"
        "for plugin in Registry().plugins: print(plugin.distribution, plugin.imported)"
    )
    text = HEALTHY + "\nimport sqlite3\n"
    install(site, "heavy", entry_points={"it": "heavy_one"}, modules={"heavy_one.py": text})
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "heavy ('sqlite3',)" in done.stdout.splitlines()
    assert "healthy ()" in done.stdout.splitlines()


# Which requirements are judged without the library that reads requirements

release = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(lambda ns: ".".join(map(str, ns)))
bound = st.tuples(st.sampled_from(["<", "<=", ">", ">="]), release).map("".join)
ranges = st.lists(bound, min_size=0, max_size=3).map(",".join)


steps = st.tuples(release, st.sampled_from(["", ".dev0", ".dev12"])).map("".join)


@given(ranges, steps)
def test_a_plain_range_is_judged_as_packaging_does(wanted, have):
    line = f"imagerag{wanted}"
    assert plainly_fits(line, have) == Requirement(line).specifier.contains(have, prereleases=True)


@pytest.mark.parametrize(
    "wanted",
    ["==0.1.*", "~=0.1", ">=0.1rc1", ">=0.1.post1", "!=0.1", ">=0.1; python_version>'3'", "[x]"],
)
def test_any_other_requirement_is_left_to_packaging(wanted):
    assert not plainly_fits(f"imagerag{wanted}", "0.1.5")


@pytest.mark.parametrize("have", ["0.2.dev3+local", "0.1+local", "0.1rc1", "1!0.1"])
def test_a_version_that_is_no_plain_release_is_left_to_packaging(have):
    assert not plainly_fits("imagerag>=0.1,<0.2", have)


def test_starting_does_not_import_what_reads_requirements(acme_shell):
    code = (
        "import sys; from imagerag.cli import main; main(['--help']); "
        "assert 'packaging' not in sys.modules"
    )
    done = acme_shell.python("-c", code)
    assert done.returncode == 0, done.stderr


# Versions on the way to a release, as a checkout has them


def wants(wanted):
    return wanted_core("stranger", "1.0", (f"imagerag{wanted}",))


@pytest.fixture
def core_at(monkeypatch):
    """Let the core have another version."""

    def at(version):
        monkeypatch.setattr("imagerag.installed._core_version", lambda: version)

    return at


@pytest.mark.parametrize("version", ["0.1.1.dev0", "0.1.1.dev112", "0.1.1.dev112+g0123abc"])
def test_a_checkout_on_the_way_to_a_release_fits_the_plugins_of_that_line(core_at, version):
    core_at(version)
    assert wants(">=0.1,<0.2") == ""
    assert wants(">=0.1") == ""


def test_the_first_steps_to_a_release_are_not_yet_that_release(core_at):
    core_at("0.2.dev3")
    assert wants(">=0.2,<0.3").startswith("stranger 1.0 wants imagerag<0.3,>=0.2, and 0.2.dev3 is")
    assert wants(">=0.2.dev0,<0.3") == ""


@pytest.mark.parametrize("version", ["0.2.dev3", "0.2", "0.2.1.dev1"])
def test_a_core_of_the_next_line_is_told_with_what_to_do(core_at, version):
    core_at(version)
    told = wants(">=0.1,<0.2")  # "<0.2" leaves out the steps to 0.2 as well
    assert f"and {version} is installed" in told
    assert "pip install --upgrade imagerag stranger" in told
