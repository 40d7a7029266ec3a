"""The hooks that MkDocs calls: pages from outside docs/, generated pages, navigation, links."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from workspace import ROOT, distributions

from docs_site import tree
from docs_site.generated import pages

_GROUPS = {"options": "reference/options/", "plugins": "plugins/"}
_PROJECT = ["contributing.md", "changes.md", "changes-to-come.md", "benchmarks.md", "licence.md"]


@cache
def _extra() -> dict[str, str]:
    """Return the Markdown of every page that does not lie under docs/, by its place in the site."""
    brought = {
        page: tree.for_site(tree.text_of(home), home, page)
        for home, page in tree.outside_docs().items()
        if page != "index.md"
    }
    return brought | pages()


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill in the entries of the navigation that begin with "@"."""
    _extra.cache_clear()
    named = set(_named(config.nav))
    config.nav = _filled(config.nav, named)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside docs/ and the generated ones."""
    for page, text in _extra().items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links of pages under docs/ to where their targets are in the site."""
    if page.is_homepage:
        page.meta["hide"] = ["navigation", "toc"]
    if page.file.generated_by:
        return markdown
    return tree.for_site(markdown, f"docs/{page.file.src_uri}", page.file.src_uri)


def _named(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for value in nav.values():
            yield from _named(value)
    else:
        for one in nav or ():
            yield from _named(one)


def _filled(nav: list[Any], named: set[str]) -> list[Any]:
    found: list[Any] = []
    for one in nav:
        if isinstance(one, dict):
            found.append(
                {k: _filled(v, named) if isinstance(v, list) else v for k, v in one.items()}
            )
        elif one.startswith("@"):
            found += _entries(one[1:], named)
        else:
            found.append(one)
    return found


def _entries(name: str, named: set[str]) -> list[Any]:
    """Return the pages that stand for "@name"."""
    extra = sorted(_extra())
    if name in ("how-to", "reference", "explanation"):
        # Pages that were added and not given a place: at the end of their part.
        under = sorted((ROOT / "docs" / name).glob("*.md"))
        return [f"{name}/{file.name}" for file in under if f"{name}/{file.name}" not in named]
    if name == "plugins":
        return _plugins()
    if name in _GROUPS:
        return [{name.capitalize(): [page for page in extra if page.startswith(_GROUPS[name])]}]
    wanted = {"project": _PROJECT, "security": ["security.md"]}.get(name, [f"reference/{name}.md"])
    return [page for page in wanted if page in extra]


def _plugins() -> list[Any]:
    """Return one entry for each distribution, with what else its folder tells."""
    found: list[Any] = []
    for name, folder in distributions().items():
        stem = f"plugins/{'imagerag' if name == 'imagerag' else folder.name}"
        first = f"{stem}.md"
        more = [page for page in sorted(_extra()) if page.startswith(f"{stem}/")]
        if first in _extra():
            found.append({name: [first, *more]} if more else {name: first})
    return found
