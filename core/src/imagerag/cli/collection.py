"""`imagerag collection`: make, fill, list, inspect and thin out collections."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from imagerag.cli import collection_info, console
from imagerag.cli.collection_purge import add_purge
from imagerag.cli.options import add_json
from imagerag.collection.place import collections, default_root, resolve
from imagerag.errors import CollectionError, UsageError

if TYPE_CHECKING:
    from imagerag.collection import AddReport, Collection

PARTIAL = 3
SHOWN_PROBLEMS = 20
SHORTEST_PREFIX = 6


def collection(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `imagerag collection`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    create = actions.add_parser("create", help="make a collection, and add a folder to it")
    create.add_argument("name", metavar="NAME", help="a name, or a path for the collection")
    create.add_argument("folders", metavar="FOLDER", nargs="*", help="images to add")
    _add_options(create)
    create.set_defaults(run=_create)

    add = actions.add_parser("add", help="add folders of images; adding again changes nothing")
    add.add_argument("name", metavar="NAME", help="name or path of the collection")
    add.add_argument("folders", metavar="FOLDER", nargs="+", help="a folder, or one image")
    _add_options(add)
    add.set_defaults(run=_add)

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


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--private", action="store_true", help="never show these to a remote model")
    parser.add_argument("--licence", "--license", help="licence where no table names one")
    parser.add_argument("--creator", help="creator where no table names one")
    parser.add_argument("--allow-purged", action="store_true", help="take in what was purged")
    add_json(parser)


def _open(name: str) -> Collection:
    from imagerag.collection import Collection

    return Collection.open(resolve(name))


def _create(arguments: argparse.Namespace) -> int:
    from imagerag.collection import Collection

    _check_folders(arguments.folders)
    path = resolve(arguments.name)
    with Collection.create(path) as made:
        if arguments.folders:
            return _fill(made, arguments)
        if arguments.json:
            console.say_json({"name": made.name, "path": str(made.path)})
        else:
            console.say(f"Made the collection {made.name!r} at {made.path}")
            console.say(f"Add images: imagerag collection add {arguments.name} FOLDER")
    return 0


def _add(arguments: argparse.Namespace) -> int:
    with _open(arguments.name) as opened:
        _check_folders(arguments.folders)
        return _fill(opened, arguments)


def _check_folders(folders: list[str]) -> None:
    for folder in folders:
        if not Path(folder).expanduser().exists():
            raise CollectionError(f"There is no folder or image at {folder!r}. Check the path.")


def _fill(target: Collection, arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from imagerag.collection.folder import FolderSource
    from imagerag.collection.folder_config import FolderConfig
    from imagerag.collection.reports import AddReport
    from imagerag.roles import Context

    config = FolderConfig(licence=arguments.licence, creator=arguments.creator)
    source = FolderSource(config, Context(component=_no_component, cache_dir=target.path))
    total = AddReport()
    # disable=None: a bar on a terminal, silence in scripts.
    with tqdm(unit=" images", disable=None, file=sys.stderr) as bar:
        for folder in arguments.folders:
            report = target.add(
                source.find(folder),
                private=arguments.private,
                allow_purged=arguments.allow_purged,
                progress=lambda stage, done, of: bar.update(),
            )
            total = _sum(total, report, tuple(source.problems))
    _report(target, total, arguments)
    if not total.skipped:
        return 0
    return PARTIAL if total.accepted else 1


def _no_component(role: str) -> NoReturn:
    raise UsageError(f"Adding a folder uses no {role}.")


def _sum(a: AddReport, b: AddReport, problems: tuple[tuple[str, str], ...]) -> AddReport:
    from imagerag.collection import AddReport

    return AddReport(
        a.added + b.added,
        a.updated + b.updated,
        a.unchanged + b.unchanged,
        a.duplicates + b.duplicates,
        a.skipped + b.skipped + problems,
    )


def _report(target: Collection, report: AddReport, arguments: argparse.Namespace) -> None:
    if arguments.json:
        value: dict[str, Any] = {"name": target.name, "path": str(target.path), **asdict(report)}
        value["skipped"] = [{"name": name, "reason": reason} for name, reason in report.skipped]
        console.say_json({**value, "images": len(target)})
        return
    for name, reason in report.skipped[:SHOWN_PROBLEMS]:
        console.note(f"skipped {name}: {reason}")
    if len(report.skipped) > SHOWN_PROBLEMS:
        console.note(f"… and {len(report.skipped) - SHOWN_PROBLEMS} more; --json names them all")
    console.say(
        f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged, "
        f"{report.duplicates} duplicates, {len(report.skipped)} skipped"
    )
    console.say(f"The collection {target.name!r} has {len(target)} images: {target.path}")
    if not report.accepted and not report.skipped:
        console.note("No images were found there: JPEG, PNG and WebP files are read.")


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
