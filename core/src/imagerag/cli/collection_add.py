"""`imagerag collection create` and `add`: images from a source, into a collection."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tomllib
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagerag.cli import console
from imagerag.cli.options import add_config, add_json, config_source, overrides
from imagerag.cli.skipped import Group, grouped
from imagerag.collection.place import resolve
from imagerag.errors import CollectionError, UsageError

if TYPE_CHECKING:
    from imagerag.collection import AddReport, Collection
    from imagerag.roles import Source
    from imagerag.session import Session

FOLDER = "folder"
PARTIAL = 3
INTERRUPTED = 130
SHOWN_REASONS = 20


def add_create(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `imagerag collection create`."""
    parser.add_argument("name", metavar="NAME", help="a name, or a path for the collection")
    parser.add_argument("places", metavar="PLACE", nargs="*", help="images to add")
    _add_options(parser)
    parser.set_defaults(run=_create)


def add_add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `imagerag collection add`."""
    parser.add_argument("name", metavar="NAME", help="name or path of the collection")
    parser.add_argument(
        "places", metavar="PLACE", nargs="+", help="a folder, one image, or what --source reads"
    )
    _add_options(parser)
    parser.set_defaults(run=_add)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source",
        metavar="NAME",
        default=FOLDER,
        help="what reads the places (default: folder). See: imagerag plugins list --role source",
    )
    parser.add_argument(
        "--option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="options",
        help="an option of the source, as in --option split=test (repeatable)",
    )
    parser.add_argument(
        "--encode",
        action="store_true",
        help="encode the pictures on the way, with the encoder of the configuration",
    )
    add_config(parser)
    parser.add_argument("--private", action="store_true", help="never show these to a remote model")
    parser.add_argument("--licence", "--license", help="licence where the source names none")
    parser.add_argument("--creator", help="creator where the source names none")
    parser.add_argument("--allow-purged", action="store_true", help="take in what was purged")
    parser.add_argument(
        "--report", metavar="FILE", type=Path, help="write what was skipped, and why, as JSON lines"
    )
    add_json(parser)


def _create(arguments: argparse.Namespace) -> int:
    from imagerag.collection import Collection

    path = resolve(arguments.name)
    # Before anything is made: an option that is wrong should leave nothing behind.
    source, encoding = _source(arguments, path), _encoding(arguments, path)
    with Collection.create(path) as made:
        if arguments.places:
            return _fill(made, source, encoding, arguments)
        if arguments.json:
            console.say_json({"name": made.name, "path": str(made.path)})
        else:
            console.say(f"Made the collection {made.name!r} at {made.path}")
            console.say(f"Add images: imagerag collection add {arguments.name} FOLDER")
    return 0


def _add(arguments: argparse.Namespace) -> int:
    from imagerag.collection import Collection

    path = resolve(arguments.name)
    with Collection.open(path) as opened:
        return _fill(opened, _source(arguments, path), _encoding(arguments, path), arguments)


def _source(arguments: argparse.Namespace, path: Path) -> Source:
    """Return the source that was asked for, with its options checked."""
    from imagerag.config import choose
    from imagerag.opening import build_source
    from imagerag.registry import Registry
    from imagerag.toml_source import TomlSource

    if arguments.source == FOLDER:
        for place in arguments.places:
            if not Path(place).expanduser().exists():
                raise CollectionError(f"There is no folder or image at {place!r}. Check the path.")
    registry = getattr(arguments, "registry", None) or Registry()
    options = _options(arguments.options)
    known = registry.config_class("source", arguments.source).model_fields
    for name in ("licence", "creator"):
        value = getattr(arguments, name)
        if value is None:
            continue
        if name not in known:
            raise UsageError(f"The source {arguments.source!r} has no option {name!r}.")
        options.setdefault(name, value)
    table = {"use": arguments.source, **options}
    layers = [TomlSource("--option", {"source": table})]
    return build_source(choose("source", table, registry, layers), registry, path)


def _options(given: Sequence[str]) -> dict[str, Any]:
    """Return options by name; values are TOML, or plain text where they are not."""
    values: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--option {text!r} is not of the form KEY=VALUE, as in split=test.")
        try:
            values[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            values[key.strip()] = value
    return values


def _encoding(arguments: argparse.Namespace, path: Path) -> Session | None:
    """Return what holds the encoder that is to see the pictures, None where none is asked for."""
    from imagerag import config
    from imagerag.registry import Registry
    from imagerag.session import Session

    if not arguments.encode:
        return None
    registry = getattr(arguments, "registry", None) or Registry()
    changed = {**overrides(arguments), "collection": str(path)}
    loaded = config.load(config_source(arguments), registry, changed)
    return Session(loaded.only("encoder"), registry)


def _fill(
    target: Collection, source: Source, encoding: Session | None, arguments: argparse.Namespace
) -> int:
    from imagerag.collection.reports import AddReport

    total = AddReport()
    try:
        with encoding or nullcontext(), _Bar(source, arguments.places) as bar:
            encoder = None if encoding is None else encoding.encoder
            for place in arguments.places:
                bar.next_place()
                report = target.add(
                    source.find(place),
                    private=arguments.private,
                    progress=bar.progress,
                    allow_purged=arguments.allow_purged,
                    encoder=encoder,
                )
                total = _sum(total, report, tuple(source.problems))
    except KeyboardInterrupt:
        console.note(
            f"interrupted: {target.name!r} has {len(target)} images, and keeps them. Go on, which "
            f"passes over what is there, with: {_again(arguments)}"
        )
        return INTERRUPTED
    finally:
        source.close()
    if arguments.report is not None:
        _write_report(arguments.report, total.skipped)
    _report(target, total, arguments)
    if not total.skipped:
        return 0
    return PARTIAL if total.accepted else 1


class _Bar:
    """A bar on a terminal, with rate and time left, over all places; silence in scripts."""

    def __init__(self, source: Source, places: Sequence[str]) -> None:
        self._source = source
        self._places = places
        self._before = 0

    def __enter__(self) -> _Bar:
        from tqdm import tqdm

        # disable=None: only where standard error is a terminal.
        self._bar = tqdm(unit=" images", disable=None, file=sys.stderr, smoothing=0.05)
        if not self._bar.disable:
            counts = [self._source.count(place) for place in self._places]
            self._bar.total = None if None in counts else sum(one or 0 for one in counts) or None
            self._bar.refresh()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def next_place(self) -> None:
        """Count from here on: each addition begins at 0."""
        self._before = self._bar.n

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show how far the addition to the collection is."""
        self._bar.update(self._before + done - self._bar.n)


def _again(arguments: argparse.Namespace) -> str:
    words = ["imagerag", "collection", "add", arguments.name, *arguments.places]
    if arguments.source != FOLDER:
        words += ["--source", arguments.source]
    words += [word for option in arguments.options for word in ("--option", option)]
    words += ["--private"] if arguments.private else []
    words += ["--encode"] if arguments.encode else []
    words += ["--config", str(arguments.config)] if arguments.config else []
    words += [word for one in arguments.overrides for word in ("--set", one)]
    for name in ("licence", "creator", "report"):
        value = getattr(arguments, name)
        words += [f"--{name}", str(value)] if value is not None else []
    return shlex.join(words)


def _sum(a: AddReport, b: AddReport, problems: tuple[tuple[str, str], ...]) -> AddReport:
    """Add two reports, field by field, and what the source passed over."""
    both = {f.name: getattr(a, f.name) + getattr(b, f.name) for f in fields(a)}
    return type(a)(**{**both, "skipped": both["skipped"] + problems})


def _write_report(path: Path, skipped: Sequence[tuple[str, str]]) -> None:
    from imagerag.record import write_whole

    lines = [
        json.dumps({"name": name, "reason": reason}, ensure_ascii=False) for name, reason in skipped
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass"))


def _report(target: Collection, report: AddReport, arguments: argparse.Namespace) -> None:
    groups = grouped(report.skipped)
    if arguments.json:
        value: dict[str, Any] = {"name": target.name, "path": str(target.path), **asdict(report)}
        value["skipped"] = [{"name": name, "reason": reason} for name, reason in report.skipped]
        value["reasons"] = [asdict(group) for group in groups]
        console.say_json({**value, "images": len(target)})
        return
    for group in groups[:SHOWN_REASONS]:
        console.note(told(group))
    if len(groups) > SHOWN_REASONS:
        console.note(
            f"… and for {len(groups) - SHOWN_REASONS} more reasons; --json and --report name all"
        )
    console.say(
        f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged, "
        f"{report.duplicates} duplicates, {len(report.skipped)} skipped"
    )
    console.say(f"The collection {target.name!r} has {len(target)} images: {target.path}")
    if not report.accepted and not report.skipped:
        console.note("No images were found there: JPEG, PNG and WebP files are read.")


def told(group: Group) -> str:
    """Return a group of what was skipped as one line."""
    first = ", ".join(group.examples)
    if group.count == 1:
        return f"skipped {first}: {group.reason}"
    return f"skipped {group.count:,}: {group.reason} (the first: {first})"
