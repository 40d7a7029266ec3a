"""`imagerag index`: bring the index of a collection up to date before it is needed."""

from __future__ import annotations

import argparse
import time

from imagerag.cli import console
from imagerag.cli.options import add_config, add_json, config_source, overrides


def index(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `imagerag index`."""
    parser.add_argument("--collection", metavar="NAME", help="another collection, by name or path")
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=_index)


def _index(arguments: argparse.Namespace) -> int:
    from imagerag import config
    from imagerag.selection import sync
    from imagerag.session import Session

    changed = overrides(arguments)
    if arguments.collection:
        changed["collection"] = arguments.collection
    started = time.perf_counter()
    # What paints or judges takes no part, and cannot keep private collections out of their index.
    loaded = config.load(config_source(arguments), arguments.registry, changed)
    with Session(loaded.only("retriever", "encoder"), arguments.registry) as session:
        collection = session.collection
        applied = sync(session)
        seconds = time.perf_counter() - started
        skipped = [
            {"id": identity, "reason": reason}
            for identity, reason in getattr(session.retriever, "skipped", ())
        ]
        if arguments.json:
            console.say_json(
                {
                    "name": collection.name,
                    "images": len(collection),
                    "applied": applied,
                    "skipped": skipped,
                    "seconds": round(seconds, 3),
                }
            )
        else:
            for one in skipped:
                console.note(f"skipped {one['id'][:12]}: {one['reason']}")
            console.say(
                f"{applied} changes applied in {seconds:.1f} s; the index of {collection.name!r} "
                f"is up to date with its {len(collection)} images"
            )
    return 3 if skipped else 0
