"""`imagerag generate`: one prompt, one picture, and the story behind it."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from imagerag.cli.console import note, say, say_json
from imagerag.cli.options import add_config, add_json, config_source, overrides
from imagerag.credits import are_credits, credits_path

if TYPE_CHECKING:
    from imagerag.run import Run


def generate(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("prompt", help="what to paint")
    parser.add_argument("-o", "--out", type=Path, help="the PNG to write (default: out/PROMPT.png)")
    parser.add_argument("--seed", type=int, help="same seed, same picture")
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="FILE",
        type=Path,
        help="an image of your own of what the prompt is about; comes first (repeatable)",
    )
    parser.add_argument("--size", metavar="WxH", help="in pixels, for instance 1024x1024")
    parser.add_argument("--collection", metavar="NAME", help="retrieve from this collection")
    parser.add_argument("--strip", action="store_true", help="also draw the story as one picture")
    parser.add_argument(
        "--no-metadata", action="store_true", help="write no record, neither inside nor beside"
    )
    parser.add_argument(
        "--no-credits", action="store_true", help="write no text that credits the references"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from imagerag.api import ImageRAG
    from imagerag.ledger import cost
    from imagerag.record import save
    from imagerag.story import tell

    changed, size = overrides(arguments), _size(arguments.size)
    if arguments.collection:
        changed["collection"] = arguments.collection
    progress = False if arguments.quiet or arguments.json else None
    with ImageRAG.from_config(config_source(arguments), changed, progress=progress) as rag:
        try:
            run = rag.generate(
                arguments.prompt,
                seed=arguments.seed,
                images=arguments.image,
                size=size,
            )
        except BaseException:
            # There will be no record, and what was paid for is paid for all the same.
            if spent := rag.session.account.ledger:
                note(f"imagerag: until it ended: {cost(spent)}")
            raise
    out = arguments.out or Path("out") / f"{_slug(arguments.prompt)}-{run.seed}.png"
    path = save(run, out, metadata=not arguments.no_metadata, credit=not arguments.no_credits)
    if arguments.strip:
        from imagerag.strip_image import story_strip

        story_strip(run).save(path.with_name(f"{path.stem}-story.png"))
    if arguments.json:
        say_json({"picture": str(path), **run.to_json()})
        return 0
    say(tell(run))
    beside = path.with_suffix(".json")
    if arguments.no_metadata and beside.exists():
        note(f"{beside} is of an earlier picture; delete it if it must not be shared.")
    _tell_written(run, path, record=not arguments.no_metadata)
    return 0


def _tell_written(run: Run, path: Path, *, record: bool) -> None:
    note(f"\nwrote {path}" + (f" and {path.stem}.json" if record else ""))
    if are_credits(credit := credits_path(path)):
        note(f"{credit} says whom to credit for its references: pass it on with the picture.")
    painted = [run.drafted, *(turn.painted for turn in run.rounds)]
    shown = [used for one in painted if one is not None for used in one.references]
    hits = [hit for turn in run.rounds for lookup in turn.lookups for hit in lookup.hits]
    if record and (any(one.private for one in shown) or any(hit["private"] for hit in hits)):
        note(
            "The record names private images. Take it out before you share the picture: "
            f"imagerag strip {path} --out FILE"
        )


def _slug(prompt: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", prompt.lower()).strip("-")[:60] or "picture"


def _size(text: str | None) -> tuple[int, int] | None:
    from imagerag.errors import UsageError

    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,5})[xX×](\d{1,5})", text)
    if match is None:
        raise UsageError(f"--size {text!r} is not of the form WxH, as in 1024x1024.")
    return int(match.group(1)), int(match.group(2))
