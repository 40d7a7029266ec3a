"""`imagerag collection purge`: deleting images for good."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from imagerag.cli import console
from imagerag.cli.options import add_json
from imagerag.collection.place import resolve
from imagerag.errors import CollectionError, UsageError

if TYPE_CHECKING:
    from imagerag.collection import Collection

PARTIAL = 3
SHORTEST_PREFIX = 6


def add_purge(actions: Any) -> None:
    """Add the command to those of `imagerag collection`."""
    purge = actions.add_parser(
        "purge",
        help="delete images for good, with all that was derived from them",
        description="Deletes images, their captions, embeddings, index entries and the captions "
        "that critics wrote of them. A receipt stays in the collection's folder, without a word on "
        "what they were, and adding them again is refused. There is no way back.",
    )
    purge.add_argument("name", metavar="NAME", help="name or path of the collection")
    purge.add_argument("ids", metavar="ID", nargs="*", help="ids, or their first characters")
    purge.add_argument("--all", action="store_true", help="purge every image, hidden ones too")
    purge.add_argument("--removed", action="store_true", help="purge the images that are hidden")
    add_json(purge)
    purge.set_defaults(run=_purge)


def _purge(arguments: argparse.Namespace) -> int:
    from imagerag.collection import Collection

    if bool(arguments.all) + bool(arguments.removed) + bool(arguments.ids) != 1:
        raise UsageError(
            "Say which images to purge: by id, or with --removed, or with --all. "
            f"See the ids: imagerag collection list {arguments.name}"
        )
    with Collection.open(resolve(arguments.name)) as opened:
        report = opened.purge(_wanted(opened, arguments))
        if arguments.json:
            console.say_json(
                {
                    "name": opened.name,
                    "purged": report.purged,
                    "bytes": report.bytes,
                    "receipt": str(report.receipt) if report.receipt else None,
                    "problems": [{"name": n, "reason": reason} for n, reason in report.problems],
                    "images": len(opened),
                }
            )
        else:
            for name, reason in report.problems:
                console.note(f"{name} could not delete what it keeps: {reason}")
            console.say(
                f"{report.purged} purged ({report.bytes / 1e6:.1f} MB); "
                f"{opened.name!r} has {len(opened)} images now"
            )
            if report.receipt:
                console.say(f"Receipt: {report.receipt}")
    return PARTIAL if report.problems else 0


def _wanted(opened: Collection, arguments: argparse.Namespace) -> list[str]:
    hidden = list(opened.removed())
    if arguments.removed:
        return hidden
    if arguments.all:
        return [*(item.id for item in opened.items()), *hidden]
    return [_full_id(opened, prefix, hidden) for prefix in arguments.ids]


def _full_id(opened: Collection, prefix: str, hidden: list[str]) -> str:
    """Return the one id that begins so, that of a hidden image too."""
    if len(prefix) < SHORTEST_PREFIX:
        raise UsageError(f"{prefix!r} is too short for an id: give {SHORTEST_PREFIX} characters.")
    found = opened.matching(prefix, limit=2)
    found.extend(one for one in hidden if one.startswith(prefix.lower()))
    if len(found) == 1:
        return found[0]
    what = "fits several images" if found else "fits no image"
    raise CollectionError(
        f"{prefix!r} {what} of the collection {opened.name!r}. "
        f"See the ids: imagerag collection list {opened.path}"
    )
