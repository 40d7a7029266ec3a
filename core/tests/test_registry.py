"""Plugins: found, guarded, named in errors."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint

import pytest

import imagerag.known
from imagerag import Registry
from imagerag.errors import (
    BrokenPluginError,
    IncompatiblePluginError,
    NameClashError,
    NotInstalledError,
    UnknownComponentError,
)
from imagerag.hooks import GROUP

GOOD = """
from imagerag.hooks import Offer, hookimpl

@hookimpl
def imagerag_generators():
    return [Offer({name!r}, "a generator", "{module}.parts:Paint", "{module}.parts:Options")]
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def add(site, install, request):
    """Install a plugin of one module that no other test uses; return the module's name."""
    count = iter(range(100))

    def build(text, distribution="thing", **metadata):
        module = f"m_{abs(hash(request.node.nodeid))}_{next(count)}"
        install(
            site,
            distribution,
            entry_points={metadata.pop("entry", "it"): module},
            modules={f"{module}.py": text.replace("MODULE", module)},
            **metadata,
        )
        return module

    return build


def good(name="sparkle"):
    return GOOD.format(name=name, module="MODULE")


def plugin_of(registry, distribution):
    return next(p for p in registry.plugins if p.distribution == distribution)


def test_a_plugin_is_found_by_its_entry_point(add):
    add(good())
    registry = Registry()
    offered = registry.find("generator", "sparkle")
    assert offered.spelling == "sparkle@thing"
    plugin = plugin_of(registry, "thing")
    assert (plugin.name, plugin.version, plugin.error) == ("it", "1.0", "")
    assert plugin.seconds > 0


def test_the_core_comes_first():
    assert Registry().plugins[0].distribution == "imagerag"


def test_listing_imports_no_component(add):
    import sys

    module = add(good())
    Registry().offers("generator")
    assert module in sys.modules
    assert f"{module}.parts" not in sys.modules


BROKEN = {
    "raises at import": ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
    "syntax error": ("def broken(:", "SyntaxError"),
    "missing library": ("import no_such_library", "no_such_library"),
    "calls exit": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "hook raises": (
        "from imagerag.hooks import hookimpl\n@hookimpl\ndef imagerag_critics():\n"
        "    raise ValueError('sulking')",
        "ValueError: sulking",
    ),
    "hook returns nothing": (
        "from imagerag.hooks import hookimpl\n@hookimpl\ndef imagerag_critics():\n    pass",
        "TypeError",
    ),
    "offers a string": (
        "from imagerag.hooks import hookimpl\n@hookimpl\ndef imagerag_critics():\n"
        "    return ['critic']",
        "imagerag_critics() gave 'critic', which is not a Offer",
    ),
    "offers a component as preset": (
        "from imagerag.hooks import Offer, hookimpl\n@hookimpl\ndef imagerag_presets():\n"
        "    return [Offer('a', 'b', 'c:d', 'e:f')]",
        "which is not a Preset",
    ),
    "misspelt hook": (
        "from imagerag.hooks import hookimpl\n@hookimpl\ndef imagerag_generator():\n    return []",
        "there is no hook 'imagerag_generator'. Did you mean 'imagerag_generators'?",
    ),
    "wrong argument": (
        "from imagerag.hooks import hookimpl\n@hookimpl\ndef imagerag_event(evnt):\n    pass",
        "evnt",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_named_and_harms_nothing_else(add, kind):
    text, told = BROKEN[kind]
    add(text, "aaa-broken")
    add(good(), "healthy")
    registry = Registry()
    assert told in plugin_of(registry, "aaa-broken").error
    assert registry.find("generator", "sparkle").distribution == "healthy"
    assert registry.find("command", "doctor").distribution == "imagerag"


def test_nothing_of_a_broken_plugin_stays(add):
    add(
        good() + "\n@hookimpl\ndef imagerag_event(evnt):\n    raise ValueError\n"
        "\n@hookimpl\ndef imagerag_critics():\n    return []\n",
        "half",
    )
    registry = Registry()
    assert plugin_of(registry, "half").error
    assert not [o for o in registry.offers("generator") if o.distribution == "half"]
    names = {name for name, _ in registry.manager.list_name_plugin()}
    assert not [name for name in names if name.startswith("half:")]


def test_a_hook_is_asked_once(add):
    add(
        "from imagerag.hooks import Offer, hookimpl\ncalls = []\n@hookimpl\n"
        "def imagerag_critics():\n    calls.append(1)\n    assert len(calls) == 1\n"
        "    return [Offer('moody', 's', 'a:b', 'a:c')]"
    )
    registry = Registry()
    for _ in range(3):
        assert registry.find("critic", "moody").distribution == "thing"


def test_an_installation_without_metadata_harms_nothing(add, site):
    add(good())
    info = site / "ghost-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[imagerag]\nghost = no_module_of_that_name\n")
    registry = Registry()
    assert registry.find("generator", "sparkle")
    assert [p.name for p in registry.plugins if p.error and p.name == "ghost"] == ["ghost"]


def test_one_distribution_twice_on_the_path_counts_once(add, tmp_path, monkeypatch, site):
    add(good())
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in site.glob("*.dist-info"):
        (copy / path.name).symlink_to(path)
    monkeypatch.syspath_prepend(str(copy))
    registry = Registry()
    assert len([p for p in registry.plugins if p.distribution == "thing"]) == 1
    assert registry.find("generator", "sparkle")


def test_one_name_of_two_distributions_is_never_first_come(add):
    add(good(), "thing-a")
    add(good(), "thing-b")
    registry = Registry()
    with pytest.raises(NameClashError) as caught:
        registry.find("generator", "sparkle")
    assert "'sparkle@thing-a' or 'sparkle@thing-b'" in str(caught.value)
    assert registry.find("generator", "sparkle@thing-b").distribution == "thing-b"


def test_an_unknown_name_gets_a_suggestion(add):
    add(good())
    with pytest.raises(UnknownComponentError) as caught:
        Registry().find("generator", "sparkel")
    assert "there is no generator 'sparkel'. Did you mean 'sparkle'?" in str(caught.value)
    assert "Installed: " in str(caught.value)


def test_an_unknown_name_may_belong_to_a_broken_plugin(add):
    add("raise RuntimeError", "wreck")
    with pytest.raises(UnknownComponentError, match=r"broken plugin has it \(.*wreck.*doctor"):
        Registry().find("generator", "anything-at-all")


@pytest.fixture
def known(tmp_path, monkeypatch):
    """A table of known plugins of this test's own, read from a file like the real one."""

    def write(table):
        (tmp_path / "known_plugins.json").write_text(json.dumps(table))
        monkeypatch.setattr(imagerag.known, "__file__", str(tmp_path / "known.py"))
        imagerag.known._table.cache_clear()

    yield write
    imagerag.known._table.cache_clear()


def test_a_known_plugin_that_is_absent_says_how_to_get_it(known):
    known({"generator": {"flux": ["imagerag-flux"]}})
    with pytest.raises(NotInstalledError, match="pip install imagerag-flux"):
        Registry([]).find("generator", "flux")
    with pytest.raises(UnknownComponentError, match="Did you mean 'flux'"):
        Registry([]).find("generator", "fluxx")


def test_a_known_plugin_that_is_broken_is_not_called_absent(known, add):
    known({"generator": {"flux": ["imagerag-flux"]}})
    add("import no_such_library", "imagerag-flux")
    with pytest.raises(BrokenPluginError, match="no_such_library") as caught:
        Registry().find("generator", "flux")
    assert "pip install --force-reinstall imagerag-flux" in str(caught.value)
    assert "imagerag doctor" in str(caught.value)


def test_a_plugin_for_another_core_is_incompatible_and_not_loaded(add):
    import sys

    module = add(good(), "imagerag-tomorrow", requires=["imagerag>=99,<100"])
    registry = Registry()
    assert module not in sys.modules
    assert plugin_of(registry, "imagerag-tomorrow").incompatible
    with pytest.raises(IncompatiblePluginError) as caught:
        registry.find("generator", "tomorrow")
    assert "imagerag<100,>=99" in str(caught.value)
    assert "pip install --upgrade imagerag imagerag-tomorrow" in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "imagerag>=0.0.1,<99",
        "imagerag-torch>=99",
        "imagerag>=99; extra == 'future'",
        "imagerag>=99; python_version < '3'",
    ],
)
def test_a_requirement_that_does_not_apply_is_no_trouble(add, line):
    add(good(), requires=[line])
    assert Registry().find("generator", "sparkle")


def test_an_unreadable_requirement_is_named(add):
    add(good(), requires=["imagerag >< 3"])
    assert "cannot be read" in plugin_of(Registry(), "thing").error


def test_a_component_that_does_not_import_is_broken_when_chosen(add):
    add(good())
    registry = Registry()
    with pytest.raises(BrokenPluginError, match=r"sparkle.*thing.*cannot be imported"):
        registry.component_class("generator", "sparkle")


def test_entry_points_can_be_handed_over():
    value = "imagerag.testing.plugin"
    registry = Registry([EntryPoint("doubles", value, GROUP)])
    assert [o.name for o in registry.offers("generator")] == ["null", "seeded"]
