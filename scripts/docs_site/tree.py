"""Where the repository's Markdown files stand in the site, and links between them.

The same files are read on a forge, where links follow the repository's folders, and in the site,
which has some of them elsewhere. So links are written for the forge, and rewritten here.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator

from workspace import ROOT, distributions

_ROOT_PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changes.md",
    "changelog.d/README.md": "changes-to-come.md",
    "LICENSE": "licence.md",
    "core/README.md": "plugins/imagerag.md",
    "bench/README.md": "benchmarks.md",
}
_PLUGIN_PAGES = {"README.md": "", "MODEL_CARD.md": "/model-card", "training/README.md": "/training"}
_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
_FENCE = re.compile(r"^\s*(`{3,})")
_PIPED = re.compile(r"`([^`]*\\\|[^`]*)`")
_VEILED = re.compile(r"<!-- site: (.*?) -->", re.DOTALL)


def outside_docs() -> dict[str, str]:
    """Return {path in the repository: path in the site} of pages that are not under docs/."""
    found = {name: page for name, page in _ROOT_PAGES.items() if (ROOT / name).is_file()}
    for folder in distributions().values():
        if folder.parent.name == "plugins":
            for name, page in _PLUGIN_PAGES.items():
                if (folder / name).is_file():
                    found[f"plugins/{folder.name}/{name}"] = f"plugins/{folder.name}{page}.md"
    return found


def text_of(path: str) -> str:
    """Return the Markdown of a page from outside docs/."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.endswith(".md"):
        return text
    return f"# Licence\n\n```text\n{text}```\n"


def for_site(text: str, home: str, page: str) -> str:
    """Return Markdown as the site needs it.

    Args:
        text: The Markdown as it is on the forge.
        home: Where its file is in the repository, as in "plugins/clip/README.md".
        page: Where the page is in the site, as in "plugins/clip.md".
    """
    text = _VEILED.sub(r"\1", text)
    return "\n".join(_lines(text, home, page)) + "\n"


def _lines(text: str, home: str, page: str) -> Iterator[str]:
    pages = outside_docs()
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark and (not fence or line.strip() == fence):
            fence = "" if fence else mark.group(1)
        if fence or mark:
            yield line
            continue
        if line.startswith("|"):
            # A pipe inside code in a table: forges want it escaped, and MkDocs shows the escape.
            line = _PIPED.sub(lambda m: f"<code>{_entities(m[1])}</code>", line)
        yield _LINK.sub(lambda m: f"{m[1]}{_target(m[2], home, page, pages)}{m[3]}", line)


def _entities(text: str) -> str:
    return html.escape(text.replace("\\|", "|"), quote=False).replace("|", "&#124;")


def _target(link: str, home: str, page: str, pages: dict[str, str]) -> str:
    path, hash_, anchor = link.partition("#")
    if not path or re.match(r"[a-z]+:", path):
        return link
    there = posixpath.normpath(posixpath.join(posixpath.dirname(home), path))
    if there in pages:
        there = pages[there]
    elif there.startswith("docs/"):
        there = there.removeprefix("docs/")
    else:
        return link  # not in the site: strict mode says so
    return posixpath.relpath(there, posixpath.dirname(page) or ".") + hash_ + anchor
