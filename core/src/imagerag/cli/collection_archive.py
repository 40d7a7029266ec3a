"""`imagerag collection export` and `import`: a collection in one file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from imagerag.cli import console
from imagerag.cli.options import add_json
from imagerag.collection.place import resolve

PARTIAL = 3


def add_archive(actions: Any) -> None:
    """Add both commands to those of `imagerag collection`."""
    export = actions.add_parser(
        "export",
        help="write a collection to one file, with checksums",
        description="Writes images, what is known of them, and embeddings to a tar file that only "
        "you may read. Indexes are left out: they are built anew from it.",
    )
    export.add_argument("name", metavar="NAME", help="name or path of the collection")
    export.add_argument("file", metavar="FILE", help="the file to write, birds.tar for example")
    export.add_argument("--no-private", action="store_true", help="leave private images out")
    add_json(export)
    export.set_defaults(run=_export)

    taking = actions.add_parser(
        "import",
        help="make a collection of an exported file",
        description="Makes a new collection of an exported file, once every byte of it has been "
        "checked. A file that is damaged, or that no export has written, is refused.",
    )
    taking.add_argument("file", metavar="FILE", help="the exported file")
    taking.add_argument("name", metavar="NAME", help="a name, or a path for the collection")
    add_json(taking)
    taking.set_defaults(run=_import)


def _export(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from imagerag.collection import Collection, export_collection

    file = Path(arguments.file).expanduser().absolute()
    with Collection.open(resolve(arguments.name)) as opened:
        with tqdm(unit=" images", disable=None, file=sys.stderr) as bar:
            report = export_collection(
                opened,
                file,
                private=not arguments.no_private,
                progress=lambda stage, done, of: bar.update(),
            )
        name = opened.name
    if arguments.json:
        skipped = [{"id": identity, "reason": reason} for identity, reason in report.skipped]
        told = {"name": name, "file": str(file), "images": report.items, "bytes": report.bytes}
        console.say_json({**told, "skipped": skipped})
    else:
        for identity, reason in report.skipped:
            console.note(f"skipped {identity[:12]}: its image file {reason}")
        console.say(
            f"{report.items} images of {name!r} exported ({report.bytes / 1e6:.1f} MB): {file}"
        )
    return PARTIAL if report.skipped else 0


def _import(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from imagerag.collection import import_collection

    path = resolve(arguments.name)
    with tqdm(unit=" images", disable=None, file=sys.stderr) as bar:
        count = import_collection(
            arguments.file, path, progress=lambda stage, done, of: bar.update()
        )
    if arguments.json:
        console.say_json({"name": path.name, "path": str(path), "images": count})
    else:
        console.say(f"{count} images imported into the collection {path.name!r}: {path}")
    return 0
