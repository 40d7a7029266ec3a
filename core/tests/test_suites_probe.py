"""What a fresh process sees of a component that nobody has used."""

from __future__ import annotations

import importlib

import pytest

from imagerag.testing.suites.probe import Probed, probe, quickest
from imagerag.testing.suites.telling_rules import task_of
from imagerag.testing.suites.workshop import Workshop

PLUGIN = """
{plugin}
from imagerag.hooks import Offer, hookimpl

@hookimpl
def imagerag_metrics():
    needs = ("acme_needs",)
    return [Offer("probed", "probed", "{name}.metric:Probed", "{name}.config:Options", needs=needs)]
"""
CONFIG = """
{config}
from imagerag import ComponentConfig

class Options(ComponentConfig):
    pass
"""
METRIC = """
{module}
from imagerag.roles import Metric
from imagerag.values import Facts

class Probed(Metric):
    def measure(self, images, prompts, targets):
        return []

    def facts(self):
        {facts}
        return Facts()
"""


@pytest.fixture
def seen(tmp_path, monkeypatch, request):
    """Probe a plugin with some lines of code in its modules."""
    name = f"probed_{abs(hash(request.node.name))}"

    def look(plugin="", config="", module="", facts="pass", **task) -> Probed:
        site = tmp_path / "site"
        (site / name).mkdir(parents=True)
        for library in ("faiss", "acme_needs"):
            (site / f"{library}.py").write_text("")
        (site / name / "__init__.py").write_text("")
        (site / name / "plugin.py").write_text(PLUGIN.format(name=name, plugin=plugin))
        (site / name / "config.py").write_text(CONFIG.format(config=config))
        (site / name / "metric.py").write_text(METRIC.format(module=module, facts=facts))
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        workshop = Workshop("metric", "probed", tmp_path / "made", plugin=f"{name}.plugin")
        look.task = task_of(workshop, f"{name}.plugin", {}) | task
        look.folder = tmp_path / "probe"
        return probe(look.task, look.folder)

    return look


def test_a_light_plugin_brings_nothing(seen):
    probed = seen()
    for step in (probed.plugin, probed.config, probed.telling):
        assert (step.imported, step.network, step.written, step.error) == ((), (), (), "")


@pytest.mark.parametrize("library", ["faiss", "acme_needs", "numpy"])
@pytest.mark.parametrize("where", ["plugin", "config"])
def test_libraries_of_the_listing_are_seen(seen, where, library):
    probed = seen(**{where: f"import {library}"})
    assert getattr(probed, where).imported == (library,)
    assert probed.telling.imported == ()


@pytest.mark.parametrize("where", ["module", "facts"])
def test_libraries_of_the_telling_are_seen(seen, where):
    probed = seen(**{where: "import faiss"})
    assert probed.telling.imported == ("faiss",)
    assert probed.plugin.imported == probed.config.imported == ()


@pytest.mark.parametrize("library", ["acme_needs", "numpy"])
def test_small_libraries_may_be_needed_to_tell(seen, library):
    assert seen(facts=f"import {library}").telling.imported == ()


def test_reaching_out_is_seen_and_stopped(seen):
    code = "import socket; socket.getaddrinfo('example.org', 443)"
    probed = seen(facts=code)
    [attempt] = probed.telling.network
    assert "looking up 'example.org'" in attempt
    assert "ForeignAddressError" in probed.telling.error


def test_files_in_the_cache_are_seen(seen):
    code = "self.context.cache_dir.mkdir(parents=True); (self.context.cache_dir / 'w').touch()"
    assert [path.rpartition("/")[2] for path in seen(facts=code).telling.written] == ["w"]


def test_an_error_is_told_and_ends_nothing(seen):
    probed = seen(facts="raise OSError('no such device')")
    assert probed.telling.error == "OSError: no such device"
    assert probed.config.error == ""


def test_a_process_that_dies_is_told(seen):
    probed = seen(facts="import os; os._exit(7)")
    assert "the process ended with 7" in probed.telling.error


def test_a_slow_import_is_slow_at_best(seen):
    probed = seen(config="import time; time.sleep(0.35)")
    assert probed.config.seconds > 0.35
    assert quickest(probed, seen.task, seen.folder)[1] > 0.35


def test_a_slow_moment_is_forgiven(seen, tmp_path):
    """Of the imports the second is slow, as on a busy machine; this process does the first."""
    mark = tmp_path / "imports"
    mark.write_text("")
    counted = f"import time, pathlib; m = pathlib.Path({str(mark)!r})"
    counted += "; m.write_text(m.read_text() + 'x')"
    probed = seen(config=f"{counted}; time.sleep(0.5 * (len(m.read_text()) == 2))")
    assert probed.config.seconds > 0.5
    assert quickest(probed, seen.task, seen.folder)[1] < 0.3
