"""Parts are swapped by configuration alone, and a broken plugin harms nobody else.

The plugin is a stranger's: a distribution folder outside the repository, installed by pip into a
folder of its own. Its components are small and real: they see, look up and paint colours.
"""

from __future__ import annotations

import json
import sys

import pytest
from PIL import Image

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "swatch-for-imagerag"
version = "3.1"
requires-python = ">=3.11"
dependencies = ["imagerag>=0.1,<0.2"]

[project.entry-points.imagerag]
swatch = "swatch.plugin"

[tool.hatch.build.targets.wheel]
packages = ["swatch"]
"""

PLUGIN = '''
"""Colours for imagerag."""

from imagerag.hooks import Offer, hookimpl


@hookimpl
def imagerag_generators():
    """Offer the generator."""
    return [Offer("swatch", "Paints its references' colours", "swatch.parts:Swatch", CONFIG)]


@hookimpl
def imagerag_encoders():
    """Offer the encoder."""
    return [Offer("colours", "Mean colours, named colours", "swatch.parts:Colours", CONFIG)]


@hookimpl
def imagerag_critics():
    """Offer the critic."""
    return [Offer("colours", "Knows colours only", "swatch.parts:ColourCritic", CONFIG)]


@hookimpl
def imagerag_conditioners():
    """Offer the conditioner."""
    return [Offer("words", "The prompt, and the references", "swatch.parts:Words", CONFIG)]


CONFIG = "swatch.config:Plain"
'''

CONFIG = '''
"""Options."""

from pydantic import Field

from imagerag import ComponentConfig


class Plain(ComponentConfig):
    """One option for all."""

    side: int = Field(16, ge=1, le=512, description="Width and height of a picture in pixels.")
'''

PARTS = '''
"""The components."""

import numpy as np
from PIL import Image, ImageStat

from imagerag.roles import Conditioner, Critic, Encoder, Generator
from imagerag.values import Capability, Comparison, Concept, Guidance, Matches, Missing

NAMES = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (30, 40, 200)}


def mean(image):
    return tuple(ImageStat.Stat(image.convert("RGB")).mean)


def named(text):
    return [name for name in NAMES if name in text.lower().split()]


def far(a, b):
    return float(np.linalg.norm(np.subtract(a, b)))


class Swatch(Generator):
    """Paints the mean colour of its references; without any, a grey that the seed chooses."""

    def capability(self):
        return Capability(frozenset({"text", "image-prompt"}), max_references=4)

    def generate(self, guidances):
        side = (self.config.side, self.config.side)
        return [Image.new("RGB", side, self._colour(guidance)) for guidance in guidances]

    def _colour(self, guidance):
        if not guidance.references:
            grey = 110 + guidance.seed % 40
            return (grey, grey, grey)
        means = [mean(reference.image) for reference in guidance.references]
        return tuple(int(round(v)) for v in np.mean(means, axis=0))


class Colours(Encoder):
    """Directions in RGB around grey."""

    dim = 3
    space = "colours-1"

    def encode_texts(self, texts):
        rows = [[NAMES[name] for name in named(text)] or [(128, 128, 129)] for text in texts]
        return self._unit([np.mean(row, axis=0) for row in rows])

    def encode_images(self, images):
        return self._unit([mean(image) for image in images])

    def versions(self):
        return {"space": self.space}

    def _unit(self, rows):
        rows = np.asarray(rows, dtype=np.float32) - 127.5
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


class ColourCritic(Critic):
    """Misses the colours that a prompt names and a picture does not have."""

    abilities = frozenset({"plan", "compare"})

    def review(self, image, prompt, *, temperature=0.0):
        lacking = [name for name in named(prompt) if far(mean(image), NAMES[name]) > 60]
        return self._review(lacking)

    def plan(self, prompt, *, temperature=0.0):
        return self._review(named(prompt))

    def _review(self, names):
        concepts = tuple(Concept(name, f"a wall that is {name} all over") for name in names)
        return Missing(concepts) if concepts else Matches()

    def compare(self, prompt, a, b):
        wanted = [NAMES[name] for name in named(prompt)] or [(128, 128, 128)]
        a, b = (-min(far(mean(image), colour) for colour in wanted) for image in (a, b))
        return Comparison("tie" if a == b else "a" if a > b else "b", a, b)


class Words(Conditioner):
    """Hands on what it is given."""

    def condition(self, prompt, references, capability, *, seed, size=None):
        return Guidance(prompt, seed, tuple(references))
'''

CONFIGURATION = """
collection = "walls"

[generator]
use = "swatch"

[conditioner]
use = "words"

[critic]
use = "colours"

[encoder]
use = "colours"

[retriever]
use = "usearch"
"""


def write_distribution(folder, files):
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.lstrip(), encoding="utf-8")
    return folder


def install(run, folder, target):
    options = ("-q", "--no-index", "--no-deps", "--no-build-isolation", "--target", target)
    run(sys.executable, "-m", "pip", "install", *options, folder)
    return target


@pytest.fixture(scope="module")
def site(tmp_path_factory, run, root):
    """A folder of installed packages with the stranger's plugin in it."""
    folder = tmp_path_factory.mktemp("stranger")
    assert not folder.is_relative_to(root)
    files = {
        "pyproject.toml": PROJECT,
        "swatch/__init__.py": "",
        "swatch/plugin.py": PLUGIN,
        "swatch/config.py": CONFIG,
        "swatch/parts.py": PARTS,
    }
    return install(run, write_distribution(folder / "swatch", files), folder / "site")


@pytest.fixture(scope="module")
def desk(tmp_path_factory, run, site):
    """A working directory with a configuration and a collection of a green and a blue wall."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "walls").mkdir()
    for name, colour in {"green": (30, 180, 40), "blue": (30, 40, 200)}.items():
        Image.new("RGB", (32, 32), colour).save(folder / "walls" / f"{name}_wall.png")
    (folder / "imagerag.toml").write_text(CONFIGURATION)
    create = ("collection", "create", "walls", "walls")
    run(sys.executable, "-m", "imagerag", *create, cwd=folder, IMAGERAG_HOME=folder / "home")
    return folder


@pytest.fixture
def imagerag(run, desk, site):
    """Run `imagerag` at the desk, with the stranger's plugin installed."""

    def imagerag(*arguments, expect=0):
        command = (sys.executable, "-m", "imagerag", *arguments)
        home = desk / "home"
        return run(*command, cwd=desk, expect=expect, PYTHONPATH=site, IMAGERAG_HOME=home)

    return imagerag


@pytest.fixture
def paint(imagerag, desk):
    """Paint a prompt with changed keys; return the record and the picture's colour."""

    def paint(prompt, *changes, config="imagerag.toml"):
        options = [word for change in changes for word in ("--set", change)]
        options += ["--config", config]
        done = imagerag("generate", prompt, "--seed", "7", "--json", *options)
        record = json.loads(done.stdout)
        with Image.open(desk / record["picture"]) as picture:
            return record, picture.getpixel((0, 0))

    return paint


def test_a_stranger_s_generator_paints_what_was_retrieved(paint):
    record, colour = paint("a green wall")
    assert record["kept"] == "result"
    assert record["missing"] == ["green"]
    assert colour == (30, 180, 40)
    assert record["versions"]["swatch-for-imagerag"] == "3.1"


def test_its_options_are_checked_by_its_own_class(imagerag, desk):
    done = imagerag("generate", "a wall", "--set", "generator.sid=9", expect=2)
    assert "unknown key 'sid'" in done.stderr
    assert "'side'" in done.stderr


def test_its_options_reach_it(paint, desk):
    record, _ = paint("a green wall", "generator.side=48")
    with Image.open(desk / record["picture"]) as picture:
        assert picture.size == (48, 48)


def test_keep_decides_which_picture_stays(paint):
    # There is no red wall: whatever is retrieved is further from red than a grey draft.
    best, grey = paint("a red wall", "loop.keep=best")
    last, colour = paint("a red wall", "loop.keep=last")
    assert (best["kept"], last["kept"]) == ("draft", "result")
    assert len(set(grey)) == 1
    assert len(set(colour)) > 1
    assert any("the new one worse" in d["reason"] for d in best["decisions"])


def test_gate_decides_whether_to_retrieve(paint):
    draft, _ = paint("a wall", "loop.gate=draft")
    always, _ = paint("a wall", "loop.gate=always")
    never, _ = paint("a green wall", "loop.gate=never")
    prompt, colour = paint("a green wall", "loop.gate=prompt")
    assert not draft["rounds"][0]["lookups"]
    assert always["rounds"][0]["lookups"]
    assert never["rounds"] == []
    assert prompt["drafted"] is None
    assert colour == (30, 180, 40)


def test_query_decides_what_is_looked_up(paint):
    looked_up = {
        by: paint("a green wall", f"loop.query={by}")[0]["rounds"][0]["lookups"][0]["query"]
        for by in ("caption", "concept", "prompt")
    }
    assert looked_up == {
        "caption": "a wall that is green all over",
        "concept": "green",
        "prompt": "a green wall",
    }


def test_the_sandbox_s_models_serve_a_stranger_s_generator(paint):
    changes = ("generator.use=swatch", "loop.gate=always")
    record, colour = paint("a green wall", *changes, config="sandbox")
    used = {role: record["config"][role]["use"] for role in ("generator", "encoder", "critic")}
    assert used == {"generator": "swatch", "encoder": "clip", "critic": "clip"}
    assert record["rounds"][0]["painted"]["references"]
    assert len(set(colour)) > 1


def test_the_sandbox_paints_for_a_stranger_s_encoder_and_critic(paint):
    swapped = ("critic.use=colours", "encoder.use=colours", "collection=walls")
    changes = (*swapped, "generator.steps=2", "loop.keep=last")
    record, _ = paint("a green wall", *changes, config="sandbox")
    assert record["config"]["generator"]["use"] == "sdxl"
    [used] = record["rounds"][0]["painted"]["references"]
    assert used["caption"] == "a wall that is green all over"
    assert record["versions"]["encoder.space"] == "colours-1"


BROKEN = {
    "an import that fails": (
        "broken-one",
        "import a_library_that_nobody_has\n",
        "a_library_that_nobody_has",
    ),
    "a hook that is misspelt": (
        "broken-two",
        "from imagerag.hooks import hookimpl\n\n\n"
        "@hookimpl\ndef imagerag_generator():\n    return []\n",
        "imagerag_generators",
    ),
    "a hook that raises": (
        "broken-three",
        "from imagerag.hooks import hookimpl\n\n\n"
        "@hookimpl\ndef imagerag_encoders():\n    raise OSError('no disk today')\n",
        "no disk today",
    ),
    "an offer that is none": (
        "broken-four",
        "from imagerag.hooks import hookimpl\n\n\n"
        "@hookimpl\ndef imagerag_critics():\n    return ['clip']\n",
        "gave 'clip'",
    ),
}


@pytest.fixture(scope="module")
def broken_site(tmp_path_factory, run):
    """A folder of installed packages with nothing but broken plugins."""
    folder = tmp_path_factory.mktemp("broken")
    for name, code, _ in BROKEN.values():
        package = name.replace("-", "_")
        project = PROJECT.replace("swatch-for-imagerag", name).replace("swatch.plugin", package)
        project = project.replace("swatch", package)
        files = {"pyproject.toml": project, f"{package}/__init__.py": code}
        install(run, write_distribution(folder / name, files), folder / "site")
    return folder / "site"


@pytest.fixture
def with_broken(run, broken_site, tmp_path):
    """Run `imagerag` where broken plugins are installed."""

    def with_broken(*arguments, expect=0):
        command = (sys.executable, "-m", "imagerag", *arguments)
        variables = {"PYTHONPATH": broken_site, "IMAGERAG_HOME": tmp_path / "home"}
        return run(*command, cwd=tmp_path, expect=expect, **variables)

    return with_broken


def test_broken_plugins_harm_nothing_else(run, with_broken, tmp_path):
    healthy = run(sys.executable, "-m", "imagerag", "plugins", "list", "--json", cwd=tmp_path)
    beside = json.loads(with_broken("plugins", "list", "--json").stdout)
    assert beside["offers"] == json.loads(healthy.stdout)["offers"]
    assert "usage: imagerag" in with_broken("--help").stdout
    assert with_broken("config", "show", "-c", "sandbox").stdout


@pytest.mark.parametrize("kind", BROKEN)
def test_doctor_names_what_is_broken_and_why(with_broken, kind):
    name, _, why = BROKEN[kind]
    report = json.loads(with_broken("doctor", "--quick", "--json", expect=1).stdout)
    [problem] = [text for text in report["problems"] if text.startswith(f"{name} ")]
    assert why in problem
    assert "Traceback" not in problem


def test_listing_names_what_is_broken(with_broken):
    told = with_broken("plugins", "list").stderr
    assert all(name in told for name, _, _ in BROKEN.values())


def test_without_broken_plugins_doctor_is_content(run, tmp_path):
    done = run(sys.executable, "-m", "imagerag", "doctor", "--quick", IMAGERAG_HOME=tmp_path)
    assert "No problems found." in done.stdout


def test_a_plugin_for_another_core_is_incompatible(run, tmp_path):
    project = PROJECT.replace("imagerag>=0.1,<0.2", "imagerag>=7,<8").replace("swatch-for-", "old-")
    files = {"pyproject.toml": project, "swatch/__init__.py": "", "swatch/plugin.py": PLUGIN}
    site = install(run, write_distribution(tmp_path / "old", files), tmp_path / "site")
    command = (sys.executable, "-m", "imagerag", "doctor", "--quick", "--json")
    report = json.loads(run(*command, expect=1, PYTHONPATH=site, IMAGERAG_HOME=tmp_path).stdout)
    [problem] = report["problems"]
    assert "old-imagerag 3.1" in problem
    assert "imagerag<8,>=7" in problem
