"""The site: it builds strictly, its links lead somewhere, and reading it asks nobody else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import imagerag
from imagerag import Registry, errors, hooks
from imagerag.testing import rules

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from docs_site import commands, generated, tree  # noqa: E402
from workspace import distributions  # noqa: E402

OURS = set(distributions())
LOADS = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("use", "href")}
"""Attributes that make a browser fetch something by itself; `link` is looked at by its `rel`."""
HARMLESS_RELATIONS = {"canonical", "next", "prev", "author", "license"}


class Page(HTMLParser):
    """What a page links to, what it loads, and which anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        for name, value in given.items():
            if (tag, name) in LOADS and value:
                self.loads.append(value)
            if name == "srcset" and value:
                self.loads += [one.split()[0] for one in value.split(",")]
            if name == "style" and value:
                self.loads += re.findall(r"url\(['\"]?([^)'\"]+)", value)
        if tag == "link" and given.get("rel") not in HARMLESS_RELATIONS:
            self.loads.append(given["href"])


def test_what_a_browser_fetches_is_noticed():
    text = """<script src="https://a.example/x.js"></script>
    <link rel="stylesheet" href="//b.example/s"><link rel="canonical" href="/">
    <img srcset="https://c.example/1.png 1x, d.png 2x">
    <p style="background: url('https://e.example')">
    <a id="here" href="https://f.example">a link is not fetched</a>"""
    page = Page(text)
    assert [load for load in page.loads if foreign(load)] == [
        "https://a.example/x.js",
        "//b.example/s",
        "https://c.example/1.png",
        "https://e.example",
    ]
    assert page.links == ["https://f.example"] and page.anchors == {"here"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """Return every page, by its path in the site."""
    files = {file: file.read_text(encoding="utf-8") for file in site.rglob("*.html")}
    return {file.relative_to(site).as_posix(): Page(text) for file, text in files.items()}


@pytest.fixture(scope="module")
def reference():
    return generated.pages()


def test_every_markdown_file_of_the_documentation_is_a_page(pages):
    expected = {f.relative_to(ROOT / "docs").as_posix() for f in ROOT.glob("docs/**/*.md")}
    expected |= set(tree.outside_docs().values()) | set(generated.pages())
    assert {f"{page.removesuffix('.md')}.html" for page in expected} | {"404.html"} == set(pages)


def test_every_page_is_reached_from_the_front_page(pages):
    reached, waiting = set(), ["index.html"]
    while waiting:
        one = waiting.pop()
        if one not in reached and one in pages:
            reached.add(one)
            waiting += [inside(one, link)[0] for link in pages[one].links if not foreign(link)]
    assert set(pages) - reached == {"404.html"}


def foreign(link: str) -> bool:
    return bool(urlsplit(link).scheme or urlsplit(link).netloc)


def inside(page: str, link: str) -> tuple[str, str]:
    """Return (path in the site, anchor) of a link on a page."""
    parts = urlsplit(link)
    path = unquote(parts.path)
    if path.startswith("/"):
        there = path.lstrip("/")
    else:
        there = os.path.normpath(Path(page).parent / path) if path else page
    if there in (".", ""):
        there = "index.html"
    return there, unquote(parts.fragment)


def test_no_link_of_the_site_is_dead(site, pages):
    dead = []
    for name, page in pages.items():
        for link in page.links:
            if foreign(link):
                continue
            there, anchor = inside(name, link)
            if not (site / there).is_file():
                dead.append(f"{name} → {link}")
            elif anchor and there in pages and anchor not in pages[there].anchors | {"__top"}:
                dead.append(f"{name} → {link}: no such anchor")
    assert dead == []


def test_reading_a_page_asks_nobody_but_the_site(site, pages):
    wrong = []
    for name, page in pages.items():
        for load in page.loads:
            if load.startswith("data:"):
                continue
            if foreign(load) or not (site / inside(name, load)[0]).is_file():
                wrong.append(f"{name} loads {load}")
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        for load in re.findall(r"(?:url\(|@import\s)['\"]?([^)'\";]+)", text):
            if not load.startswith(("data:", "#")) and foreign(load):
                wrong.append(f"{style.name} loads {load}")
    assert wrong == []
    assert sum(len(page.loads) for page in pages.values()) > len(pages), "nothing was looked at"


def test_the_theme_is_told_of_nothing_that_it_would_ask_elsewhere(site):
    # What the theme's own script can fetch by itself: the source repository's figures, a list of
    # versions, diagrams. Each is asked for by something on the page.
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        for asked in ('data-md-component="source"', 'class="mermaid"', '"version": {', "analytics"):
            assert asked not in text, f"{file.name}: {asked}"


def test_the_front_page_shows_a_picture_and_two_commands(pages):
    text = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    assert [load for load in pages["index.html"].loads if load.endswith("story.png")]
    first = text.partition("```bash\n")[2].partition("```")[0].splitlines()
    assert [line.split()[:2] for line in first] == [["make", "demo"], ["make", "test"]]


def test_what_is_for_the_site_alone_is_shown_there_and_hidden_elsewhere(site):
    hidden = [f for f in ROOT.glob("docs/**/*.md") if "<!-- site:" in f.read_text(encoding="utf-8")]
    assert hidden
    for file in hidden:
        page = site / file.relative_to(ROOT / "docs").with_suffix(".html")
        assert "<!-- site:" not in page.read_text(encoding="utf-8")


def test_links_are_rewritten_outside_code_only():
    text = "[a](../../SECURITY.md#keys)\n```text\n[a](../../SECURITY.md)\n```\n| `a\\|b` |\n"
    made = tree.for_site(text, "docs/how-to/swap-parts.md", "how-to/swap-parts.md")
    assert made == (
        "[a](../security.md#keys)\n```text\n[a](../../SECURITY.md)\n```\n"
        "| <code>a&#124;b</code> |\n"
    )


# --- the generated reference ----------------------------------------------------------------------


def components():
    registry = Registry()
    return [
        (role, offered.name, registry.config_class(role, offered.spelling))
        for role in hooks.ROLE_HOOKS
        for offered in registry.offers(role)
        if offered.distribution in OURS
    ]


@pytest.mark.parametrize(("role", "name", "model"), components(), ids=lambda v: str(v))
def test_every_option_of_every_component_is_documented(role, name, model, reference):
    page = reference[f"reference/options/{role}.md"]
    section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    assert section.strip()
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", section, flags=re.MULTILINE))
    assert set(rows) == set(model.model_fields)
    silent = [option for option, meaning in rows.items() if not meaning.strip()]
    assert silent == [], f"give these fields of {model.__name__} a description"


def test_every_command_is_in_the_reference_with_every_option(reference):
    page = reference["reference/commands.md"]
    for name, _, _, parser in commands.parsers(Registry(), OURS):
        section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert section.strip(), name
        for action in parser._actions:
            for option in set(action.option_strings) - {"--help"}:
                assert option in section, f"{name} {option}"


def test_every_hook_role_error_name_and_rule_is_in_the_reference(reference):
    def headings(page):
        return set(re.findall(r"^## (\w+)$", reference[f"reference/{page}.md"], re.MULTILINE))

    assert {n for n in vars(hooks) if n.startswith("imagerag_")} <= headings("hooks")
    assert {role.capitalize() for role in hooks.ROLE_HOOKS} <= headings("roles")
    assert set(imagerag.__all__) == headings("api")
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.ImageRAGError):
            row = f"| `{name}` | {kind.exit_code} |"
            assert row in reference["reference/errors.md"], name
    for rule in rules():
        assert f"| `{rule.name}` | {rule.level} |" in reference["reference/rules.md"]


def test_every_preset_has_a_how_to_and_its_file_in_the_reference(reference):
    how_to = (ROOT / "docs/how-to/use-a-preset.md").read_text(encoding="utf-8")
    for offered in Registry().presets():
        if offered.distribution in OURS:
            assert f"\n## {offered.name}\n" in how_to, offered.name
            assert f"| [`{offered.name}`](#{offered.name}) |" in how_to, offered.name
            assert f"\n## {offered.name}\n" in reference["reference/presets.md"]


def test_every_role_has_its_row_in_the_how_to_of_swapping():
    how_to = (ROOT / "docs/how-to/swap-parts.md").read_text(encoding="utf-8")
    section = how_to.partition("\n## Each part\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(ROLES)


ROLES = (
    "generator",
    "conditioner",
    "critic",
    "encoder",
    "retriever",
    "reranker",
    "metric",
    "source",
)


def test_the_order_of_roles_leaves_none_out():
    assert set(ROLES) == set(hooks.ROLE_HOOKS)
