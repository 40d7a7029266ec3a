"""A third party's view: the core, pytest, and a plugin of one's own; nothing else is installed."""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path

import pytest

PLUGIN = """
from imagerag.hooks import Offer, hookimpl


@hookimpl
def imagerag_generators():
    return [Offer("swatch", "one colour", "acme_swatch.paint:Swatch", "acme_swatch.config:Options")]
"""
CONFIG = """
from pydantic import Field

from imagerag import ComponentConfig


class Options(ComponentConfig):
    side: int = Field(64, ge=1, description="Pixels a side, where a guidance names no size.")
"""
PAINT = """
import hashlib

from PIL import Image

from imagerag.errors import CapabilityError
from imagerag.roles import Generator
from imagerag.values import Capability


class Swatch(Generator):
    def capability(self):
        return Capability(frozenset({"text"}))

    def generate(self, guidances):
        return [self._paint(guidance) for guidance in guidances]

    def _paint(self, guidance):
        if guidance.references or guidance.options:
            raise CapabilityError("swatches are painted from words alone: leave the rest out.")
        colour = hashlib.sha256(f"{guidance.prompt} {guidance.seed}".encode()).digest()[:3]
        size = guidance.width or self.config.side, guidance.height or self.config.side
        return Image.new("RGB", size, tuple(colour))
"""
TEST = """
from imagerag.testing import GeneratorSuite


class TestSwatch(GeneratorSuite):
    component = "swatch"
    options = {"side": 8}
"""


@pytest.fixture
def author(shell, install):
    """A shell with a plugin, as its author would have it installed."""
    modules = {
        "acme_swatch/__init__.py": "",
        "acme_swatch/plugin.py": PLUGIN,
        "acme_swatch/config.py": CONFIG,
        "acme_swatch/paint.py": PAINT,
    }
    points = {"swatch": "acme_swatch.plugin"}
    install(shell.site, "acme-swatch", "1.0", points, ["imagerag>=0.1,<1"], modules)
    (shell.work / "test_swatch.py").write_text(TEST, encoding="utf-8")
    return shell


@pytest.fixture
def with_pytest(author):
    """The same with what `imagerag[testing]` adds."""
    for name in ("pytest", "iniconfig", "pygments"):
        distribution = metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            source, target = Path(str(distribution.locate_file(top))), author.site / top
            if source.is_dir():
                target.symlink_to(source)
            else:
                shutil.copyfile(source, target)
    return author


def test_three_lines_hold_a_plugin_to_its_role(with_pytest):
    done = with_pytest.python("-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    # It takes no references, so whether each matters cannot be judged.
    assert "30 passed, 2 skipped" in done.stdout
    loaded = with_pytest.python("-c", "import torch")
    assert "No module named 'torch'" in loaded.stderr


def test_a_broken_promise_is_told_in_a_line(with_pytest):
    plugin = with_pytest.site / "acme_swatch/paint.py"
    text = plugin.read_text(encoding="utf-8")
    plugin.write_text(text.replace('Image.new("RGB"', 'Image.new("RGBA"'), encoding="utf-8")
    done = with_pytest.python("-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 1
    assert "a picture is in mode 'RGBA'" in done.stdout
    assert "1 failed, 29 passed, 2 skipped" in done.stdout


def test_without_pytest_the_suites_say_how_to_get_it(author):
    done = author.python("-c", "from imagerag.testing import GeneratorSuite")
    assert "ImportError: the conformance suites run through pytest" in done.stderr
    assert "pip install 'imagerag[testing]'" in done.stderr


def test_without_pytest_the_rest_of_the_kit_works(author):
    code = "from imagerag.testing import registry, offline; print(len(registry().plugins))"
    assert author.python("-c", code).stdout == "2\n"


def test_the_extra_names_what_the_suites_import():
    lines = metadata.requires("imagerag") or []
    extra = [line for line in lines if "extra == 'testing'" in line or 'extra == "testing"' in line]
    assert [line.partition(">")[0] for line in extra] == ["pytest"]
