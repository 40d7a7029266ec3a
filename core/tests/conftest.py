"""Real parts for every test: a collection on disk, the doubles, a third party's plugin, a shell."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from PIL import Image

import imagerag
from imagerag import ImageRAG
from imagerag.collection import Collection
from imagerag.roles import Found
from imagerag.testing import registry

THIRD_PARTY = Path(__file__).parent / "third_party"
ANIMALS = ("hedgehog", "axolotl", "pangolin", "okapi", "quokka")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's data folder of this test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("IMAGERAG_HOME", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def acme(monkeypatch):
    """Put the third party's package on the path, and hand out its parts afresh."""
    monkeypatch.syspath_prepend(str(THIRD_PARTY))
    import acme_imagerag.parts as parts

    for kind in (parts.WatchfulGenerator, parts.AwayGenerator, parts.SlyGenerator):
        kind.built = kind.closed = 0
    return parts


@pytest.fixture
def plugins(acme):
    """The core, the doubles and the third party's plugin, loaded."""
    return registry("acme_imagerag.plugin")


@pytest.fixture
def pool(home, tmp_path):
    """A collection named "pool" with one picture for each of some animals."""
    return make_pool("pool", tmp_path)


def make_pool(name, tmp_path, captions=None, private=False):
    """Fill a collection with one picture per caption; return {caption: id}."""
    captions = captions or [f"a photo of a {animal}" for animal in ANIMALS]
    folder = tmp_path / f"{name}-images"
    folder.mkdir(exist_ok=True)
    path = Path(os.environ["IMAGERAG_HOME"]) / "collections" / name
    opened = Collection.open(path) if path.exists() else Collection.create(path, name)
    with opened as collection:
        found = []
        for number, caption in enumerate(captions):
            file = folder / f"{number}-{int(private)}.png"
            shade = sum(caption.encode()) % 200
            Image.new("RGB", (10 + number, 10), (shade, number, int(private))).save(file)
            found.append(
                Found(file.name, file, None, caption, "CC0-1.0", "Ann", "https://example.org/x")
            )
        report = collection.add(found, private=private)
        assert report.added == len(captions)
        return {item.caption: item.id for item in collection.items()}


@pytest.fixture
def more_pools(home, tmp_path):
    """Make further collections, or add to one."""
    return lambda name, captions=None, private=False: make_pool(name, tmp_path, captions, private)


@pytest.fixture
def settings():
    """Build a configuration of doubles; keyword arguments are the `[loop]` table."""

    def build(*, collection="pool", critic=None, generator=None, reranker=None, **loop):
        values = {
            "collection": collection,
            "generator": {"use": "watchful", **(generator or {})},
            "conditioner": {"use": "plain"},
            "critic": {"use": "watchful", "answers": ["missing: hedgehog"], **(critic or {})},
            "encoder": {"use": "hashing"},
            "retriever": {"use": "memory"},
            "loop": loop,
        }
        # An option given as None is left out: not every critic has the same ones.
        values["critic"] = {k: v for k, v in values["critic"].items() if v is not None}
        if reranker:
            values["reranker"] = {"use": reranker}
        if collection is None:
            del values["collection"]
        return values

    return build


@pytest.fixture
def rag(plugins, settings, home):
    """Build an `ImageRAG` from `settings` arguments; closed when the test ends."""
    opened = []

    def build(**arguments):
        made = ImageRAG.from_config(settings(**arguments), progress=False, registry=plugins)
        opened.append(made)
        return made

    yield build
    for made in opened:
        made.close()


def reasons(run, stage):
    """Return "decision: reason" of each decision of a stage."""
    return [f"{d.decision}: {d.reason}" for d in run.decisions if d.stage == stage]


@pytest.fixture(name="reasons")
def reasons_fixture():
    """The decisions of a run's stage, as text."""
    return reasons


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """A folder that holds the core and its own requirements, and no other plugin.

    What else is installed beside the core must not decide these tests. Interpreters started with
    `-S` see this folder instead of the environment's.
    """
    folder = tmp_path_factory.mktemp("bare")
    (folder / "imagerag").symlink_to(Path(imagerag.__file__).parent)
    pending, seen = ["imagerag"], set()
    while pending:
        name = re.sub(r"[-_.]+", "-", pending.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # a requirement of another platform
        for requirement in distribution.requires or ():
            if "extra ==" not in requirement:
                pending.append(re.match(r"[\w.-]+", requirement).group())
        for top in {file.parts[0] for file in distribution.files or ()}:
            source = Path(str(distribution.locate_file(top)))
            wanted = name != "imagerag" or top.endswith(".dist-info")
            if wanted and top not in ("..", "__pycache__") and source.exists():
                target = folder / top
                if not target.exists():
                    target.symlink_to(source)
    return folder


def install(site, name, version="1.0", entry_points=None, requires=(), modules=None):
    """Install a distribution by writing what an installer would: modules and metadata."""
    site.mkdir(parents=True, exist_ok=True)
    for path, text in (modules or {}).items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text, encoding="utf-8")
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    head += [f"Requires-Dist: {line}" for line in requires]
    (info / "METADATA").write_text("\n".join(head) + "\n", encoding="utf-8")
    lines = ["[imagerag]", *(f"{key} = {value}" for key, value in (entry_points or {}).items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return info


@pytest.fixture(name="install")
def install_fixture():
    """Install a distribution into a folder."""
    return install


class Shell:
    """Runs `imagerag` in a process of its own, in a folder and a home of its own."""

    def __init__(self, bare, folder):
        self.folder = folder
        self.site = folder / "site"
        self.work = folder / "work"
        self.work.mkdir(parents=True)
        self.site.mkdir()
        self._bare = bare

    def environment(self, **extra):
        """Return the environment of the process."""
        return {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": os.pathsep.join([str(self.site), str(self._bare)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "IMAGERAG_HOME": str(self.folder / "home"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            **extra,
        }

    def python(self, *arguments, **extra):
        """Run a Python that sees the core and this shell's site, and nothing else."""
        return subprocess.run(
            [sys.executable, "-S", *map(str, arguments)],
            cwd=self.work,
            env=self.environment(**extra),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def __call__(self, *arguments, **extra):
        return self.python("-m", "imagerag", *arguments, **extra)

    def start(self, *arguments, **options):
        """Start `imagerag` and return the process.

        A test run that was itself started in the background has SIGINT ignored, and a child would
        inherit that: Python then never raises KeyboardInterrupt.
        """
        return subprocess.Popen(
            [sys.executable, "-S", "-m", "imagerag", *map(str, arguments)],
            cwd=self.work,
            env=self.environment(),
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            **options,
        )

    def install_acme(self):
        """Install the third party's plugin, and the doubles with it."""
        shutil.copytree(THIRD_PARTY / "acme_imagerag", self.site / "acme_imagerag")
        install(
            self.site,
            "acme-imagerag",
            entry_points={"acme": "acme_imagerag.plugin", "doubles": "imagerag.testing.plugin"},
            requires=["imagerag>=0.1,<1"],
        )
        return self


@pytest.fixture
def shell(bare, tmp_path):
    """A shell without any plugin."""
    return Shell(bare, tmp_path / "shell")


@pytest.fixture(scope="module")
def acme_shell(bare, tmp_path_factory):
    """A shell with the third party's plugin, shared by the tests of a module."""
    return Shell(bare, tmp_path_factory.mktemp("acme") / "shell").install_acme()
