"""The rules of the house, for every distribution and every file."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = sorted(ROOT.glob("plugins/*/"))
SOURCES = sorted(
    file
    for folder in (ROOT / "core/src", *(p / "src" for p in PROJECTS))
    for file in folder.rglob("*.py")
)
LONGEST_MODULE = 320
LARGEST_FILE = 40_000_000
HEAVY = (
    *("torch", "diffusers", "transformers", "open_clip", "usearch", "torchvision", "numpy"),
    *("openai", "anthropic", "httpx2", "anyio", "tenacity", "faiss", "opentelemetry", "pyarrow"),
)


def project_of(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def name_of(requirement: str) -> str:
    return re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def imports_of(file: Path) -> set[str]:
    """Return the modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """Every file that is, or would be, in the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("folder", PROJECTS, ids=lambda p: p.name)
def test_plugins_are_alike(folder):
    project = project_of(folder)["project"]
    package = f"imagerag_{folder.name.replace('-', '_')}"
    assert project["name"] == f"imagerag-{folder.name}"
    assert (folder / "src" / package / "__init__.py").is_file()
    assert (folder / "src" / package / "py.typed").is_file()
    packages = [p.name for p in (folder / "src").iterdir() if p.name.startswith("imagerag")]
    assert packages == [package]
    assert list((folder / "tests").glob("test_*.py")), "a plugin has tests of its own"
    assert len((folder / "README.md").read_text().splitlines()) > 5, "a plugin says what it does"
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert project["license"] == "Apache-2.0"
    assert project["requires-python"] == ">=3.11"
    points = project.get("entry-points", {})
    if (folder / "src" / package / "plugin.py").is_file():
        assert points == {"imagerag": {folder.name: f"{package}.plugin"}}
    else:  # a library that plugins share
        assert points == {}


@pytest.mark.parametrize("folder", PROJECTS, ids=lambda p: p.name)
def test_plugins_pin_the_core_and_each_other_by_range(folder):
    requirements = project_of(folder)["project"]["dependencies"]
    ours = {name_of(r): r for r in requirements if name_of(r).startswith("imagerag")}
    assert ours["imagerag"] == "imagerag>=0.1,<0.2"
    for name, requirement in ours.items():
        assert requirement == f"{name}>=0.1,<0.2", "a sibling is pinned by range, never exactly"


def public_modules() -> set[str]:
    """Return the modules that the reference names as public."""
    text = (ROOT / "docs/reference/roles-and-hooks.md").read_text(encoding="utf-8")
    section = text.partition("## Public modules")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(imagerag[\w.]*)`", section, flags=re.MULTILINE))


@pytest.mark.parametrize("folder", PROJECTS, ids=lambda p: p.name)
def test_plugins_import_the_public_face_and_what_they_declare(folder):
    declared = {name_of(r).replace("-", "_") for r in project_of(folder)["project"]["dependencies"]}
    own = f"imagerag_{folder.name.replace('-', '_')}"
    public = public_modules()
    for file in (folder / "src").rglob("*.py"):
        for module in imports_of(file):
            top = module.partition(".")[0]
            if top == "imagerag":
                assert module in public, f"{file} imports {module}, which is not public"
            elif top.startswith("imagerag_"):
                assert top == own or top in declared, f"{file} imports {module}, undeclared"


def test_the_core_imports_no_plugin_and_no_model_library():
    foreign = {"torch", "diffusers", "transformers", "open_clip", "usearch", "faiss"}
    for file in (ROOT / "core/src").rglob("*.py"):
        # `imagerag doctor` asks torch, where there is one, which devices it sees.
        allowed = {"torch"} if file.name == "diagnosis.py" else set()
        tops = {module.partition(".")[0] for module in imports_of(file)}
        assert not {top for top in tops if top.startswith("imagerag_")}, file
        assert not tops & foreign - allowed, file


@pytest.mark.parametrize("file", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_modules_are_short_and_named_for_an_idea(file):
    assert file.stem not in {"utils", "util", "helpers", "common", "misc", "tools"}
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_MODULE, f"{lines} lines: split it where the idea splits"


@pytest.mark.parametrize("arguments", [["plugins", "list"], ["--help"], ["doctor", "--quick"]])
def test_listing_plugins_imports_no_model_library(arguments, run, tmp_path):
    code = (
        "import sys; from imagerag.cli.entry import main; "
        f"main({arguments!r}); "
        f"print('HEAVY', sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = run(sys.executable, "-c", code, IMAGERAG_HOME=tmp_path)
    assert "HEAVY []" in done.stderr


def test_importing_the_package_imports_almost_nothing(run):
    code = "import sys, imagerag; print(sorted({'pydantic', 'pluggy', 'PIL'} & set(sys.modules)))"
    assert run(sys.executable, "-c", code).stdout.strip() == "[]"


def test_known_plugins_are_fresh(run):
    run(sys.executable, ROOT / "scripts/known_plugins.py", "--check")


def test_constraints_pin_torch_as_the_makefile_does():
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    makefile = (ROOT / "Makefile").read_text()
    assert {"torch", "torchvision", "diffusers", "transformers", "open_clip_torch"} <= set(pins)
    for name in ("torch", "torchvision"):
        assert re.findall(rf"(?<![\w-]){name}==([\d.]+)", makefile) == [pins[name]]


def test_there_are_no_lock_files(files):
    locks = {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "pylock.toml"}
    assert [f for f in files if f.name in locks] == []


def test_no_file_names_a_registry_or_a_path_of_one_machine(files):
    # Put together from parts, so that this file does not find itself.
    words = ["files." + "pythonhosted", "extra-" + "index-url", "PIP_" + "FIND_LINKS"]
    words += ["--find-" + "links", "(?<![\\w.])/" + "work/", "/root/" + r"\w", "/home/" + r"\w+/"]
    wrong = re.compile("|".join(words))
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found = wrong.search(text)
        assert found is None, f"{file.relative_to(ROOT)}: {found!r}"


def test_every_file_is_smaller_than_40_mb(files):
    large = [f.relative_to(ROOT) for f in files if f.stat().st_size >= LARGEST_FILE]
    assert large == []


CODE_RUNNERS = {"pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "jsonpickle"}
CALLS = {"torch.load", "yaml.load", "yaml.unsafe_load", "numpy.load", "np.load", "os.system"}


@pytest.mark.parametrize("file", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_source_never_runs_what_it_reads(file):
    assert not {m.partition(".")[0] for m in imports_of(file)} & CODE_RUNNERS
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        where = f"{file.name}:{node.lineno}"
        assert called not in {"eval", "exec", "compile", "__import__"}, where
        if called in ("np.load", "numpy.load"):
            allowed = {k.arg: ast.unparse(k.value) for k in node.keywords}.get("allow_pickle")
            assert allowed in (None, "False"), where
        else:
            assert called not in CALLS, where
        for keyword in node.keywords:
            value = ast.unparse(keyword.value)
            assert (keyword.arg, value) != ("trust_remote_code", "True"), where
            assert (keyword.arg, value) != ("shell", "True"), where
            assert (keyword.arg, value) != ("use_safetensors", "False"), where
