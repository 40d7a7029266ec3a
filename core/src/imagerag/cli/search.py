"""`imagerag search`: what a collection holds for a text or a picture, and a sheet to look at."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagerag.cli import console
from imagerag.cli.options import add_config, add_json, add_where, config_source, overrides
from imagerag.errors import UsageError

if TYPE_CHECKING:
    from imagerag.session import Session
    from imagerag.values import Hit, Query

MOST = 10_000
MOST_ON_A_SHEET = 400
"""Pictures of one sheet: 50 rows of 8, which take 120 MB to draw."""

_ROLES = ("retriever", "encoder")
"""All that a search needs, so that what paints or judges does not keep private images out of it."""


def search(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `imagerag search`."""
    parser.add_argument("text", nargs="?", metavar="TEXT", help="what to look up")
    parser.add_argument("--image", metavar="FILE", type=Path, help="look up a picture instead")
    parser.add_argument("-k", type=int, default=10, metavar="N", help="hits to show (10)")
    parser.add_argument("--collection", metavar="NAME", help="another collection, by name or path")
    add_where(parser)
    parser.add_argument("--sheet", metavar="FILE.png", type=Path, help="draw the hits as a sheet")
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=_search)


def _search(arguments: argparse.Namespace) -> int:
    from imagerag import config
    from imagerag.filters import Filter
    from imagerag.session import Session

    where = Filter.parse(arguments.where)
    _check(arguments)
    query = _query(arguments)
    changed = overrides(arguments)
    if arguments.collection:
        changed["collection"] = arguments.collection
    loaded = config.load(config_source(arguments), arguments.registry, changed)
    with Session(loaded.only(*_ROLES), arguments.registry) as session:
        session.retriever.ready()
        session.privacy.sync()
        [hits] = session.retriever.search([query], arguments.k, where if where else None)
        for told in session.account.decisions:
            console.note(f"{told.decision}: {told.reason}")
        sheet = arguments.sheet
        if sheet is not None and hits:
            _draw(session, hits, sheet, f"“{arguments.text or arguments.image.name}”")
        name = session.collection.name
    if arguments.json:
        console.say_json([_plain(rank, hit) for rank, hit in enumerate(hits, start=1)])
        return 0
    if not hits:
        filtered = " that passes --where" if where else ""
        console.note(f"Nothing{filtered} was found in the collection {name!r}.")
        return 0
    rows = [_row(rank, hit) for rank, hit in enumerate(hits, start=1)]
    console.say(console.table(("", "score", "id", "licence", "", "caption"), rows))
    if sheet is not None:
        private = any(hit.item.private for hit in hits)
        console.note(f"wrote {sheet}" + (", which shows private images" if private else ""))
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if bool(arguments.text) == bool(arguments.image):
        raise UsageError("Say what to look up: a text, or a picture with --image FILE.")
    if not 1 <= arguments.k <= MOST:
        raise UsageError(f"-k {arguments.k} is out of range: use 1 to {MOST}.")
    if arguments.sheet is None:
        return
    if arguments.sheet.suffix.lower() != ".png":
        raise UsageError(f"--sheet {str(arguments.sheet)!r} has to end in .png.")
    if arguments.k > MOST_ON_A_SHEET:
        raise UsageError(f"A sheet shows up to {MOST_ON_A_SHEET} pictures; -k is {arguments.k}.")


def _query(arguments: argparse.Namespace) -> Query:
    from imagerag.collection import open_image
    from imagerag.text import clean
    from imagerag.values import Query

    if arguments.image:
        return Query(image=open_image(arguments.image))
    text = clean(arguments.text)
    if not text:
        raise UsageError(f"There are no words in {arguments.text!r} to look up.")
    return Query(text=text)


def _draw(session: Session, hits: Sequence[Hit], path: Path, heading: str) -> None:
    from imagerag.contact_sheet import contact_sheet
    from imagerag.record import png_bytes, write_whole

    pictures = (session.retriever.image(hit.item) for hit in hits)
    labels = [_label(rank, hit) for rank, hit in enumerate(hits, start=1)]
    write_whole(path, png_bytes(contact_sheet(pictures, labels, heading=heading), None))


def _label(rank: int, hit: Hit) -> list[str]:
    item = hit.item
    return [
        f"{rank}. {item.caption or 'without a caption'}",
        f"score {hit.score:.3f}, {item.id[:12]}" + (", private" if item.private else ""),
        f"{item.licence or 'unknown licence'}, {item.creator or 'unknown creator'}",
    ]


def _row(rank: int, hit: Hit) -> tuple[str, ...]:
    item = hit.item
    return (
        str(rank),
        f"{hit.score:.3f}",
        item.id[:12],
        item.licence or "unknown",
        "private" if item.private else "",
        item.caption[:60],
    )


def _plain(rank: int, hit: Hit) -> dict[str, Any]:
    from imagerag.run import hit_record

    return {
        "rank": rank,
        **hit_record(hit),
        "tags": list(hit.item.tags),
        "added": hit.item.added or None,
    }
