"""The documentation is true: its blocks run, its links lead somewhere, nothing is left out."""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

import imagerag
from imagerag import config, errors, hooks, registry, roles
from imagerag.batch_policy import BatchPolicy
from imagerag.cli.entry import EXIT_CODES
from imagerag.policy import Policy

ROOT = Path(__file__).resolve().parent.parent


def _module(name):
    # Test files are imported one by one, with no package around them.
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


markdown = _module("markdown")

EXAMPLES = sorted(ROOT.glob("examples/*/README.md"))
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("plugins/*/README.md")),
    ROOT / "core/README.md",
    ROOT / "bench/README.md",
    ROOT / "changelog.d/README.md",
    *EXAMPLES,
]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
LANGUAGES = {"python", "bash", "sh", "console", "toml", "json", "text", "csv"}
SHELL = {"bash", "sh", "console"}
OURS = {"imagerag", ".venv/bin/imagerag"}


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


pages = pytest.mark.parametrize("page", PAGES, ids=label)


# --- blocks ---------------------------------------------------------------------------------------


def steps_of(page: Path) -> list[dict]:
    """Return what is run of a page: Python blocks and `imagerag` commands, in order."""
    steps = []
    for block in markdown.blocks(page):
        place = f"{label(page)}:{block.line}"
        if block.language == "python":
            steps.append({"kind": "python", "code": block.text, "place": place})
        elif block.language in SHELL:
            for command in markdown.commands(block):
                words = imagerag_words(command.words)
                if words is not None:
                    place = f"{label(page)}:{command.line}"
                    step = {"kind": "command", "words": words, "exits": command.exits}
                    steps.append({**step, "place": place})
    return steps


def imagerag_words(words: tuple[str, ...]) -> list[str] | None:
    """Return the arguments of an `imagerag` command, None for another command."""
    if words[0] in OURS:
        rest = list(words[1:])
    elif words[:3] == ("python", "-m", "imagerag"):
        rest = list(words[3:])
    else:
        return None
    # Six prompts take their time; one shows that the command is right.
    if rest[:1] == ["demo"] and "--prompts" not in rest:
        rest += ["--prompts", "1"]
    if rest[:2] == ["sandbox", "measure"] and "--limit" not in rest:
        rest += ["--limit", "1"]
    return rest


def desk(folder: Path) -> Path:
    """Make the working directory that the documentation speaks of: a folder `photos`."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    rows = ["file_name,caption,licence,creator,source"]
    for name, colour in {"kite": "red", "boat": "white"}.items():
        picture = Image.new("RGB", (64, 64), (60, 90, 220))
        pen = ImageDraw.Draw(picture)
        pen.polygon([(32, 8), (50, 30), (32, 56), (14, 30)], fill=colour)
        picture.save(photos / f"{name}.png")
        rows.append(f"{name}.png,a {colour} {name} on a blue background,CC0-1.0,A. Author,")
    (photos / "metadata.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory, run):
    """Run every page's blocks and commands; return what went wrong, by page."""
    base = tmp_path_factory.mktemp("documentation")
    home = base / "first" / "home"
    files = {
        # The sandbox's collection is made and embedded once, and copied for each page.
        "first": {
            "folder": str(desk(base / "first")),
            "home": "",
            "steps": [
                {
                    "kind": "command",
                    "words": ["index", "--config", "sandbox"],
                    "exits": 0,
                    "place": "the sandbox's collection",
                }
            ],
        }
    }
    for number, page in enumerate(PAGES):
        if page != CONTRIBUTING and (steps := steps_of(page)):
            folder = desk(base / str(number))
            files[label(page)] = {"folder": str(folder), "home": str(home), "steps": steps}
    (base / "steps.json").write_text(json.dumps(files))
    driver = Path(__file__).with_name("documented_steps.py")
    run(sys.executable, driver, base / "steps.json", base / "results.json", cwd=base)
    return json.loads((base / "results.json").read_text())


def test_the_sandbox_s_collection_can_be_made(results):
    assert not results["first"], results["first"]


@pytest.mark.parametrize("page", [p for p in PAGES if p != CONTRIBUTING and steps_of(p)], ids=label)
def test_code_blocks_and_commands_run(page, results):
    assert not results[label(page)], results[label(page)]


@pages
def test_blocks_say_their_language(page):
    for block in markdown.blocks(page):
        assert block.language in LANGUAGES, f"{label(page)}:{block.line}"


@pages
def test_toml_and_json_blocks_are_valid(page):
    plugins = registry.Registry()
    for block in markdown.blocks(page):
        if block.language == "json":
            json.loads(block.text)
        if block.language == "toml":
            values = tomllib.loads(block.text)
            # Those of an example are read where it is installed: tests/test_example_plugin.py.
            if "project" not in values and page not in EXAMPLES:
                config.load(values, plugins)


@pages
def test_other_commands_name_what_exists(page):
    for block in markdown.blocks(page):
        if block.language not in SHELL:
            continue
        for command in markdown.commands(block):
            if imagerag_words(command.words) is None and page != CONTRIBUTING:
                check_command(command.words, f"{label(page)}:{command.line}")


def check_command(words: tuple[str, ...], place: str) -> None:
    """Check a command that is not run here: its target, file or distribution must exist."""
    program = words[0].removeprefix(".venv/bin/")
    if program == "make":
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        assert set(words[1:]) <= targets, place
    elif program == "pip" or words[1:3] == ("-m", "pip"):
        check_pip(words[words.index("install") + 1 :], place)
    elif program.startswith("python"):
        modules = (("-m", "venv"), ("-m", "pytest"))
        assert words[1:3] in modules or (ROOT / words[1]).exists(), place
    elif program == "git":
        assert words[1] in {"clone", "switch", "status", "diff"}, place
    else:
        assert program in {"cd", "mkdir", "export", "source"}, f"{place}: {words!r} is not checked"


def check_pip(words: tuple[str, ...], place: str) -> None:
    known = {name for projects in declared().values() for name in projects} | set(declared())
    for word in words:
        if "/" in word or word.endswith(".txt"):
            assert (ROOT / re.sub(r"\[.*\]$", "", word)).exists(), f"{place}: {word}"
        elif not word.startswith("-"):
            name = re.split(r"[<>=!~\[]", word)[0]
            assert name in known | {"torchvision"}, f"{place}: {word}"


# --- links ----------------------------------------------------------------------------------------


@pages
def test_links_lead_somewhere(page):
    for link in markdown.links(page):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{label(page)}: {link}"
        assert target.is_relative_to(ROOT), f"{label(page)}: {link}"
        if anchor:
            assert anchor in markdown.anchors(target), f"{label(page)}: {link}"


def test_every_page_is_reached_from_the_index():
    reached, waiting = set(), [ROOT / "docs/index.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        names = [link.partition("#")[0] for link in markdown.links(page) if "://" not in link]
        waiting += [(page.parent / name).resolve() for name in names if name]
    assert set(ROOT.glob("docs/**/*.md")) <= reached


# --- the reference is complete --------------------------------------------------------------------


def reference(name: str) -> str:
    return (ROOT / "docs/reference" / name).read_text(encoding="utf-8")


def test_every_hook_is_documented_with_its_arguments():
    text = reference("roles-and-hooks.md")
    specs = {n: f for n, f in vars(hooks).items() if n.startswith("imagerag_")}
    rows = dict(re.findall(r"^\| `(imagerag_\w+)` \| ([^|]+) \|", text, flags=re.MULTILINE))
    assert set(rows) == set(specs)
    for name, spec in specs.items():
        arguments = list(inspect.signature(spec).parameters)
        assert rows[name] == (", ".join(f"`{a}`" for a in arguments) or "none"), name


def test_every_role_is_documented_with_its_methods():
    text = reference("roles-and-hooks.md")
    rows = {
        (role, kind): methods
        for role, kind, methods in re.findall(r"^\| `([a-z]+)` \| `(\w+)` \| (.+) \|$", text, re.M)
    }
    assert {role for role, _ in rows} == set(hooks.ROLE_HOOKS)
    for (role, kind), methods in rows.items():
        assert kind.lower() == role
        own = {n for n in vars(getattr(roles, kind)) if not n.startswith("_")} - {"abilities"}
        for name in own:
            assert f"`{name}" in methods, f"{kind}.{name}"


def test_offers_presets_and_commands_are_documented_with_their_fields():
    text = reference("roles-and-hooks.md")
    for kind in (hooks.Offer, hooks.Preset, hooks.Command, hooks.Event):
        row = re.search(rf"^\| `{kind.__name__}` \| (.+)\|$", text, flags=re.MULTILINE).group(1)
        for name in kind.__dataclass_fields__:
            assert f"`{name}`" in row, f"{kind.__name__}.{name}"


def test_every_exported_name_is_documented_and_sorted():
    text = reference("python.md")
    assert list(imagerag.__all__) == sorted(imagerag.__all__, key=lambda n: (n[0].islower(), n))
    for name in imagerag.__all__:
        assert getattr(imagerag, name) is not None
        assert f"`{name}`" in text, name


def commands_of() -> list[tuple[str, argparse.ArgumentParser]]:
    """Return every command and subcommand with its parser."""
    plugins, found = registry.Registry(), []
    for offered in plugins.commands():
        parser = argparse.ArgumentParser(prog=f"imagerag {offered.name}")
        plugins.command_function(offered.name)(parser)
        subs = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        found += [(parser.prog, parser)] if not subs else []
        for action in subs:
            found += [(f"{parser.prog} {name}", sub) for name, sub in action.choices.items()]
    return found


@pytest.mark.parametrize(("name", "parser"), commands_of(), ids=lambda v: v if v is str else None)
def test_every_command_is_documented_with_its_options(name, parser):
    text = reference("cli.md")
    shared = text.partition("\n## ")[0]
    section = text.partition(f"\n## {' '.join(name.split()[:2])}\n")[2].partition("\n## ")[0]
    assert section, f"{name} has no section"
    assert name in section or len(name.split()) == 2, name
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction) or not action.option_strings:
            continue
        for option in action.option_strings:
            assert f"`{option}" in section or f" {option}" in section or f"`{option}" in shared, (
                f"{name} {option}"
            )
        assert action.help, f"{name} {action.option_strings} says nothing in --help"
        longest = max(action.option_strings, key=len)
        assert f"`{longest}" in section, f"{name} {longest} is not in its own section"


def test_the_reference_names_no_option_that_is_gone():
    known = {o for _, parser in commands_of() for a in parser._actions for o in a.option_strings}
    known |= {"--debug", "--version", "--help"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", reference("cli.md")))
    assert named <= known


def test_every_exit_code_and_error_is_documented():
    text = reference("exit-codes.md")
    codes = re.findall(r"\b(\d+) [a-z]", EXIT_CODES)
    assert re.findall(r"^\| (\d+) \|", text, flags=re.MULTILINE) == codes
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d) \|", text, flags=re.MULTILINE))
    classes = {
        name: str(kind.exit_code)
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.ImageRAGError)
    }
    del classes["ImageRAGError"]
    assert rows == classes


def test_every_key_of_the_configuration_is_documented_with_its_default():
    top, _, rest = reference("configuration.md").partition("\n## [loop]")
    loop, _, batch = rest.partition("\n## [batch]")
    for text, model in ((top, config.Settings), (loop, Policy), (batch, BatchPolicy)):
        rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, flags=re.MULTILINE))
        for name, field in model.model_fields.items():
            assert name in rows, name
            if name in config.COMPONENT_ROLES or name in ("loop", "batch"):
                continue
            default = "none" if field.default is None else json.dumps(field.default)
            assert rows[name].strip("`") == default, name


def test_every_key_of_a_run_record_is_documented():
    text = reference("run-record.md")
    for name in imagerag.Run("a prompt", 1, drafted=None).__dataclass_fields__:
        if name not in {"image", "draft", "result", "references"}:
            assert f"`{name}`" in text, name


def test_every_module_of_the_core_is_on_the_map():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    tree = text.partition("```text")[2].partition("```")[0]
    named = set(re.findall(r"\w+", tree))
    source = ROOT / "core/src/imagerag"
    modules = {p.stem for p in source.glob("*.py") if not p.stem.startswith("_")}
    folders = {p.name for p in source.iterdir() if (p / "__init__.py").is_file()}
    assert modules | folders <= named


# --- dependencies ---------------------------------------------------------------------------------


def declared() -> dict[str, set[str]]:
    """Return the dependencies of each distribution, and those of development."""
    found = {}
    for file in [ROOT / "core/pyproject.toml", *ROOT.glob("plugins/*/pyproject.toml")]:
        project = tomllib.loads(file.read_text())["project"]
        extras = project.get("optional-dependencies", {}).values()
        lines = [*project["dependencies"], *(line for extra in extras for line in extra)]
        found[project["name"]] = {re.split(r"[\s<>=!~\[]", line)[0] for line in lines}
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    names = {re.split(r"[<>=]", line)[0] for line in lines if line and not line.startswith("#")}
    return {**found, "For development": names}


def test_every_dependency_is_explained():
    text = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    explained = {
        name: set(re.findall(r"^\| `([\w-]+)` \| \S", section, flags=re.MULTILINE))
        for name, section in sections.items()
    }
    assert explained == declared()


# --- write a plugin in ten minutes ----------------------------------------------------------------


@pytest.fixture(scope="module")
def workshop(tmp_path_factory, wheels, make_environment):
    """An empty folder, and the commands of an environment with all of imagerag in it."""
    return tmp_path_factory.mktemp("workshop"), make_environment(*wheels.values())


def test_the_plugin_of_contributing_is_written_in_its_steps(workshop, run):
    folder, commands = workshop
    (commands / "pip").write_text(f'#!/bin/sh\nexec "{commands}/python" -m pip "$@"\n')
    (commands / "pip").chmod(0o755)
    section = CONTRIBUTING.read_text(encoding="utf-8").index("## Write a plugin in ten minutes")
    first = CONTRIBUTING.read_text(encoding="utf-8")[:section].count("\n")
    written, ran = 0, []
    for block in markdown.blocks(CONTRIBUTING):
        if block.line < first:
            continue
        if block.file:
            file = folder / block.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
            written += 1
            continue
        for command in markdown.commands(block) if block.language == "bash" else ():
            program = commands / command.words[0]
            variables = {"IMAGERAG_HOME": folder / "home", "PATH": f"{commands}:/usr/bin:/bin"}
            run(program, *command.words[1:], cwd=folder, expect=command.exits, **variables)
            ran.append(command.words[0])
    assert written == 3
    assert ran == ["imagerag", "pip", "python", "imagerag", "imagerag", "imagerag"]


def test_contributing_begins_with_three_commands():
    first = markdown.blocks(CONTRIBUTING)[0]
    assert [c.words for c in markdown.commands(first)] == [
        ("make", "install"),
        ("make", "test"),
        ("make", "lint"),
    ]
    headings = re.findall(r"^## (.+)$", CONTRIBUTING.read_text(), flags=re.MULTILINE)
    assert headings[-1] == "Write a plugin in ten minutes"
    for command in markdown.commands(first):
        check_command(command.words, "CONTRIBUTING.md")
