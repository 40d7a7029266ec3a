"""The page of a report: every row's story, to be searched and filtered without a network.

It is plain HTML that can be read as it stands; a script beside it in the same file hides what is
not asked for. Only its own script may run, and nothing may be fetched but the pictures beside it.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from imagerag.report.cards import Card, Outcome, Panel

_HERE = Path(__file__).parent

OUTCOMES: dict[Outcome, str] = {
    "result": "kept with references",
    "draft": "kept the draft",
    "failed": "failed",
    "pending": "not done yet",
}
"""What each outcome is called on the page."""

MOST_DECISIONS = 24
"""Decisions that the page can be filtered by at most, the most frequent ones."""

Address = Callable[[Path], str | None]


def page(
    title: str,
    sums: Sequence[str],
    ledger: tuple[Sequence[str], Sequence[Sequence[str]]],
    sheets: Sequence[str],
    shown: Sequence[Card],
    *,
    thumbnail: Address,
    picture: Address,
) -> Iterator[str]:
    """Yield the text of the page, piece by piece.

    Args:
        title: The heading.
        sums: What is said below it, a sentence each.
        ledger: Headings and rows of the table of costs.
        sheets: Addresses of the contact sheets.
        shown: The rows.
        thumbnail: Gives the address of a picture's small copy, None where there is none.
        picture: Gives the address of a picture itself, None where none is to be linked.
    """
    script = (_HERE / "script.js").read_text(encoding="utf-8")
    style = (_HERE / "style.css").read_text(encoding="utf-8")
    yield f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
img-src 'self' file: data:; style-src 'unsafe-inline'; script-src '{_digest(script)}'; \
base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#cards">to the pictures</a>
<h1>{escape(title)}</h1>
"""
    yield from (f'<p class="sums">{escape(sentence)}</p>\n' for sentence in sums)
    yield _sheets(sheets)
    yield _table(*ledger)
    yield _filters(shown)
    yield '<main id="cards" tabindex="-1">\n'
    for card in shown:
        yield _article(card, thumbnail, picture)
    yield f"</main>\n<script>{script}</script>\n</body>\n</html>\n"


def _digest(script: str) -> str:
    """Return the name by which a content security policy knows the script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _sheets(sheets: Sequence[str]) -> str:
    if not sheets:
        return ""
    links = [f'<a href="{escape(quote(sheet))}">{n}</a>' for n, sheet in enumerate(sheets, start=1)]
    return f'<p class="sums">Contact sheets: {" · ".join(links)}</p>\n'


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in headings)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    if not body:
        return ""
    return (
        "<details><summary>what each stage came to</summary>"
        f'<div class="wide" tabindex="0"><table><tr>{head}</tr>\n{body}</table></div></details>\n'
    )


def _filters(shown: Sequence[Card]) -> str:
    outcomes = Counter(card.outcome for card in shown)
    decided = Counter(each for card in shown for each in card.decided)
    return f"""<form id="filters" role="search" aria-label="filter the rows" hidden>
<label class="words">words of the prompt<input name="words" autocomplete="off"
 spellcheck="false"
 title="press / to get here"></label>
<label>outcome<select name="outcome"><option value="">all</option>
{_options((name, f"{OUTCOMES[name]} ({outcomes[name]})") for name in OUTCOMES if outcomes[name])}
</select></label>
<label>decision<select name="decided"><option value="">all</option>
{_options((name, f"{name} ({n})") for name, n in decided.most_common(MOST_DECISIONS))}
</select></label>
<label>score from<input name="least" type="number" step="any"></label>
<label>score to<input name="most" type="number" step="any"></label>
<label>order<select name="order"><option value="number">as listed</option>
<option value="score-up">weakest reference first</option>
<option value="score-down">strongest reference first</option>
<option value="slow">slowest first</option></select></label>
<button type="reset">all again</button>
<output id="count" aria-live="polite">{len(shown)} rows</output>
</form>
"""


def _options(named: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f'<option value="{escape(v)}">{escape(text)}</option>' for v, text in named)


def _article(card: Card, thumbnail: Address, picture: Address) -> str:
    score = "" if card.score is None else f' data-score="{card.score:.6g}"'
    decided = f' data-decided="{escape(" | ".join(card.decided))}"' if card.decided else ""
    figures = "\n".join(_figure(panel, thumbnail, picture) for panel in card.panels)
    row = f'<div class="row">\n{figures}\n</div>\n' if figures else ""
    return (
        f'<article tabindex="0" data-number="{card.number}" data-outcome="{card.outcome}"'
        f' data-seconds="{card.seconds:.3f}"{score}{decided}>\n'
        f"<h2><bdi>{escape(card.prompt)}</bdi></h2>\n{_line(card)}{row}{_why(card)}</article>\n"
    )


def _line(card: Card) -> str:
    """Say in a line what came of a row."""
    parts = [f"<b>{OUTCOMES[card.outcome]}</b>"]
    if card.reason:
        parts.append(f"<bdi>{escape(card.reason)}</bdi>")
    if card.score is not None:
        parts.append(f"best reference {card.score:.3f}")
    parts.append(f"seed {card.seed}")
    if card.seconds:
        parts.append(f"{card.seconds:.1f} s")
    if card.usd is None:
        parts.append("price unknown")
    elif card.usd:
        parts.append(f"${card.usd:.4f}")
    return f'<p class="line">{card.number} · {" · ".join(parts)}</p>\n'


def _figure(panel: Panel, thumbnail: Address, picture: Address) -> str:
    title = f"{panel.title}: kept" if panel.kept else panel.title
    lines = "".join(f"<bdi>{escape(line)}</bdi>" for line in panel.lines)
    # Sources come from strangers' tables: only web addresses become links.
    if panel.link.startswith(("https://", "http://")):
        lines += f'<a href="{escape(panel.link)}" rel="noreferrer noopener">source</a>'
    small = None if panel.path is None else thumbnail(panel.path)
    if panel.path is None or small is None:
        image = '<span class="none">not here</span>'
    else:
        image = f'<img src="{escape(small)}" alt="{escape(title)}" loading="lazy" decoding="async">'
        whole = picture(panel.path)
        image = f'<a href="{escape(whole)}">{image}</a>' if whole else image
    kept = ' class="kept"' if panel.kept else ""
    return f"<figure{kept}>{image}<figcaption><b>{escape(title)}</b>{lines}</figcaption></figure>"


def _why(card: Card) -> str:
    """Say what was looked up and decided, folded away."""
    told = [("looked up", words, "") for words in card.looked_up] + list(card.decisions)
    if not told:
        return ""
    rows = "\n".join(
        f"<dt>{escape(stage)}</dt><dd><bdi>{escape(decision)}"
        f"{escape(f': {reason}') if reason else ''}</bdi></dd>"
        for stage, decision, reason in told
    )
    return f"<details><summary>why</summary><dl>{rows}</dl></details>\n"
