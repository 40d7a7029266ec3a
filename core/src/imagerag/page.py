"""A page of stories that opens offline, on a phone as on a desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Self

from imagerag.record import write_whole
from imagerag.story import tell

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.run import Run

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1e; --soft: #6b6b70; --paper: #fbfaf8;
  --card: #fff; --line: #e4e2de; --kept: #12805c; }
@media (prefers-color-scheme: dark) { :root { --ink: #f2f2f4; --soft: #a2a2a8; --paper: #161618;
  --card: #1f1f22; --line: #34343a; --kept: #4fd1a1; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.2rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0; }
p.lead { color: var(--soft); max-width: 46rem; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  padding: 1rem 1.1rem; margin: 1.1rem 0; }
h2 { font-size: 1.1rem; margin: 0 0 .7rem; overflow-wrap: anywhere; }
.row { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; flex: 1 1 9rem; max-width: 16rem; min-width: 0; }
figure img { width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 8px;
  border: 3px solid transparent; display: block; image-rendering: auto; }
figure.kept img { border-color: var(--kept); }
figcaption { font-size: .85rem; color: var(--soft); overflow-wrap: anywhere; }
figcaption b { color: var(--ink); display: block; }
figure.kept figcaption b { color: var(--kept); }
details { margin-top: .7rem; font-size: .85rem; }
summary { cursor: pointer; color: var(--soft); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8rem; }
@media (max-width: 32rem) { body { padding: .7rem; } figure { flex-basis: 42%; } }
"""


@dataclass(frozen=True)
class Shown:
    """One picture of a story: the file, relative to the page, and what is said beneath it."""

    file: str
    title: str
    lines: tuple[str, ...] = ()
    kept: bool = False
    link: str | None = None


@dataclass(frozen=True)
class Story:
    """One prompt's pictures in order, and the whole story as text."""

    prompt: str
    pictures: tuple[Shown, ...]
    text: str

    @classmethod
    def write(cls, run: Run, folder: Path, name: str) -> Self:
        """Write a run's pictures into `folder`, their names beginning with `name`."""
        shown = []
        if run.draft is not None:
            missing = ", ".join(run.missing)
            line = f"missing: {missing}" if missing else "nothing is missing"
            file = _write(run.draft, folder, f"{name}-draft")
            shown.append(Shown(file, "draft", (line,), run.kept == "draft"))
        for number, reference in enumerate(run.references, start=1):
            file = _write(reference.image, folder, f"{name}-reference-{number}")
            item = reference.hit.item if reference.hit else None
            lines = [reference.caption]
            if reference.hit and item:
                lines.append(f"score {reference.hit.score:.3f}")
                lines.append(f"{item.licence or 'unknown licence'}")
                lines.append(f"by {item.creator or 'unknown creator'}")
            title = "your image" if reference.origin == "user" else "reference"
            if item is not None and item.private:
                title = "private reference"
            shown.append(Shown(file, title, tuple(lines), link=item.source if item else None))
        if run.result is not None:
            file = _write(run.result, folder, f"{name}-result")
            shown.append(Shown(file, "with references", (), run.kept == "result"))
        return cls(run.prompt, tuple(shown), tell(run))


def write_page(path: Path, title: str, lead: str, stories: Sequence[Story]) -> None:
    """Write one HTML file that needs nothing but the pictures beside it."""
    articles = "\n".join(_article(story) for story in stories)
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p class="lead">{escape(lead)}</p>
{articles}
</body>
</html>
"""
    write_whole(path, page.encode())


def _article(story: Story) -> str:
    figures = "\n".join(_figure(shown) for shown in story.pictures)
    return f"""<article>
<h2>“{escape(story.prompt)}”</h2>
<div class="row">
{figures}
</div>
<details><summary>the whole story</summary><pre>{escape(story.text)}</pre></details>
</article>"""


def _figure(shown: Shown) -> str:
    title = f"{shown.title}: kept" if shown.kept else shown.title
    lines = "<br>".join(escape(line) for line in shown.lines)
    # Sources come from strangers' sidecar files: only web addresses become links.
    if shown.link and shown.link.startswith(("https://", "http://")):
        lines += f'<br><a href="{escape(shown.link)}" rel="noreferrer noopener">source</a>'
    kept = ' class="kept"' if shown.kept else ""
    return (
        f'<figure{kept}><img src="{escape(shown.file)}" alt="{escape(title)}" loading="lazy">'
        f"<figcaption><b>{escape(title)}</b>{lines}</figcaption></figure>"
    )


def _write(image: Image, folder: Path, name: str) -> str:
    file = f"{name}.png"
    image.save(folder / file)
    return file
