"""`imagerag collection info`: what a collection holds, and what is kept of it."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from imagerag.cli import console
from imagerag.cli.options import add_config, add_json, config_source, overrides
from imagerag.errors import ImageRAGError

if TYPE_CHECKING:
    from imagerag.collection import Collection
    from imagerag.registry import Registry

SHOWN = 10
"""Licences, creators and tags that are shown, the most frequent first; `--json` has all."""


@dataclass
class _Tally:
    """What is counted over the items themselves."""

    creators: Counter[str | None] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)
    near: int = 0
    first: str = ""
    last: str = ""

    @classmethod
    def of(cls, collection: Collection) -> _Tally:
        tally = cls()
        for item in collection.items():
            tally.creators[item.creator] += 1
            tally.tags.update(item.tags)
            tally.near += item.near is not None
            if item.added:
                tally.first = min(tally.first or item.added, item.added)
                tally.last = max(tally.last, item.added)
        return tally


def fill(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `imagerag collection info`."""
    parser.add_argument("name", metavar="NAME", help="name or path of the collection")
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=_info)


def _info(arguments: argparse.Namespace) -> int:
    from imagerag.collection import Collection, resolve

    with Collection.open(resolve(arguments.name)) as opened:
        stats, tally = opened.stats(), _Tally.of(opened)
        folder = opened.path / "indexes"
        folders = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        kept, trouble = _kept(arguments, opened)
        about = {"name": opened.name, "path": str(opened.path)}
    if arguments.json:
        value = asdict(stats)
        value["licences"] = _named(stats.licences)
        counted = {
            "creators": _named(dict(tally.creators.most_common())),
            "tags": dict(tally.tags.most_common()),
            "near_duplicates": tally.near,
            "first_added": tally.first or None,
            "last_added": tally.last or None,
        }
        state = {"indexes": folders, "index": dict(kept), "index_unknown": trouble or None}
        console.say_json({**about, **value, **counted, **state})
        return 0
    rows = [
        ("name", about["name"]),
        ("path", about["path"]),
        ("images", f"{stats.items} ({stats.private} private, {stats.removed} removed)"),
        ("alike", f"{tally.near} nearly repeat another one" if tally.near else "none found"),
        ("size", f"{stats.bytes / 1e6:.1f} MB"),
        ("change", str(stats.change)),
        *([("added", f"{tally.first} to {tally.last}")] if tally.first else []),
        *_counts("licence", stats.licences),
        *_counts("creator", dict(tally.creators.most_common())),
        *_counts("tag", dict(tally.tags.most_common())),
        *(("space", f"{name}: {count} embeddings") for name, count in stats.spaces.items()),
        *(("index", f"{key}: {text}") for key, text in kept.items()),
        *([("index", f"unknown: {trouble}")] if trouble else []),
        *(("folder", f"indexes/{name}") for name in folders),
    ]
    for heading, text in rows:
        console.say(f"{heading:<8} {text}")
    return 0


def _kept(arguments: argparse.Namespace, opened: Collection) -> tuple[Mapping[str, str], str]:
    """Ask the configured retriever what it keeps; or say why nobody could be asked."""
    from imagerag import config
    from imagerag.session import Session

    registry: Registry = arguments.registry
    changed = {**overrides(arguments), "collection": str(opened.path)}
    try:
        loaded = config.load(config_source(arguments), registry, changed).only(
            "retriever", "encoder"
        )
        if "retriever" not in loaded.chosen:
            return {}, "this configuration names no retriever"
        with Session(loaded, registry) as session:
            return session.retriever.info(session.collection), ""
    except ImageRAGError as error:
        if arguments.config or arguments.overrides:
            raise
        return {}, str(error)


def _counts(heading: str, counts: Mapping[Any, int]) -> Iterator[tuple[str, str]]:
    for number, (name, count) in enumerate(counts.items()):
        if number == SHOWN:
            yield "", f"… and {len(counts) - SHOWN} more"
            return
        yield heading if number == 0 else "", f"{name or 'unknown'}: {count}"


def _named(counts: Mapping[str | None, int]) -> dict[str, int]:
    return {name or "unknown": count for name, count in counts.items()}
