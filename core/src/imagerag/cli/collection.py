"""`imagerag collection`: make, fill, list, inspect and thin out collections."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING

from imagerag.cli import collection_info, console
from imagerag.cli.collection_add import add_add, add_create
from imagerag.cli.collection_archive import add_archive
from imagerag.cli.collection_purge import add_purge
from imagerag.cli.options import add_json
from imagerag.collection.place import collections, default_root, resolve
from imagerag.errors import CollectionError, UsageError

if TYPE_CHECKING:
    from imagerag.collection import Collection

SHORTEST_PREFIX = 6


def collection(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `imagerag collection`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    create = actions.add_parser("create", help="make a collection, and add images to it")
    add_create(create)

    add = actions.add_parser("add", help="add images from a place; adding again changes nothing")
    add_add(add)

    listing = actions.add_parser("list", help="list the collections, or the images of one")
    listing.add_argument("name", metavar="NAME", nargs="?", help="name or path of a collection")
    listing.add_argument("--limit", type=int, default=50, help="most images shown (50; 0 for all)")
    add_json(listing)
    listing.set_defaults(run=_list)

    info = actions.add_parser("info", help="count the images, licences and sizes of a collection")
    collection_info.fill(info)

    remove = actions.add_parser(
        "remove",
        help="hide images from every search, at once",
        description="Hides images at once. Their files stay in the collection's folder, so that "
        "they can be added again; `purge` deletes them.",
    )
    remove.add_argument("name", metavar="NAME", help="name or path of the collection")
    remove.add_argument("ids", metavar="ID", nargs="*", help="ids, or their first characters")
    remove.add_argument("--all", action="store_true", help="hide every image")
    add_json(remove)
    remove.set_defaults(run=_remove)

    add_purge(actions)
    add_archive(actions)


def _open(name: str) -> Collection:
    from imagerag.collection import Collection

    return Collection.open(resolve(name))


def _list(arguments: argparse.Namespace) -> int:
    if arguments.name is None:
        return _list_collections(arguments)
    with _open(arguments.name) as opened:
        limit = arguments.limit or None
        items = list(islice(opened.items(), limit))
        if arguments.json:
            console.say_json([asdict(item) for item in items])
            return 0
        rows = [
            (
                item.id[:12],
                f"{item.width}×{item.height}",
                item.licence or "unknown",
                "private" if item.private else "",
                item.caption[:60],
            )
            for item in items
        ]
        console.say(console.table(("id", "size", "licence", "", "caption"), rows))
        if len(opened) > len(items):
            console.say(f"… {len(opened) - len(items)} more; show them with --limit 0")
    return 0


def _list_collections(arguments: argparse.Namespace) -> int:
    from imagerag.collection import Collection

    found = []
    for path in collections():
        try:
            with Collection.open(path) as opened:
                found.append({"name": path.name, "images": len(opened), "path": str(path)})
        except CollectionError as error:
            console.note(str(error))
    if arguments.json:
        console.say_json(found)
    elif found:
        rows = [(str(one["name"]), str(one["images"]), str(one["path"])) for one in found]
        console.say(console.table(("name", "images", "path"), rows))
    else:
        console.say(f"There are no collections in {default_root()} yet.")
        console.say("Make one: imagerag collection create NAME FOLDER")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    if arguments.all == bool(arguments.ids):
        raise UsageError(
            "Say which images to remove, by id or with --all. "
            f"See the ids: imagerag collection list {arguments.name}"
        )
    with _open(arguments.name) as opened:
        ids = [item.id for item in opened.items()] if arguments.all else []
        ids.extend(_full_id(opened, prefix) for prefix in arguments.ids)
        count = opened.remove(ids)
        if arguments.json:
            console.say_json({"name": opened.name, "removed": count, "images": len(opened)})
        else:
            console.say(f"{count} removed; {opened.name!r} has {len(opened)} images now")
    return 0


def _full_id(opened: Collection, prefix: str) -> str:
    if len(prefix) < SHORTEST_PREFIX:
        raise UsageError(f"{prefix!r} is too short for an id: give {SHORTEST_PREFIX} characters.")
    found = opened.matching(prefix, limit=2)
    if len(found) == 1:
        return found[0]
    what = "fits several images" if found else "fits no image"
    raise CollectionError(
        f"{prefix!r} {what} of the collection {opened.name!r}. "
        f"See the ids: imagerag collection list {opened.path}"
    )
