"""Gather the fragments of changelog.d/ into CHANGELOG.md, for a release of some distributions.

    python scripts/changelog.py --check                  exit with 1 where a fragment is malformed
    python scripts/changelog.py --draft core sdxl        print what would be written
    python scripts/changelog.py 0.2.0 core sdxl          write it, and delete the fragments
    python scripts/changelog.py 0.1.0 --all              every distribution at once

Distributions are named by their folders. The section's heading is the version alone where all
are released together, else each distribution with its version.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workspace import ROOT, distributions

FRAGMENTS = ROOT / "changelog.d"
CHANGELOG = ROOT / "CHANGELOG.md"
KINDS = ("added", "changed", "fixed", "removed", "security")
LONGEST = 600
"""Characters of a fragment: a change log is read, a how-to explains."""

_NAME = re.compile(r"(?P<where>[a-z0-9-]+)\.(?P<what>[a-z0-9-]+)\.(?P<kind>[a-z]+)\.md")


@dataclass(frozen=True)
class Fragment:
    """One change: where it happened, its kind, and what users read of it."""

    file: Path
    where: str
    kind: str
    text: str


def folders() -> dict[str, str]:
    """Return {folder: distribution} of the workspace."""
    return {folder.name: name for name, folder in distributions().items()}


def read(folder: Path = FRAGMENTS) -> tuple[list[Fragment], list[str]]:
    """Return the fragments, by kind and name, and what is wrong with those that are malformed."""
    found, wrong = [], []
    known = folders()
    for file in sorted(folder.iterdir()):
        if file.name == "README.md":
            continue
        match = _NAME.fullmatch(file.name)
        if match is None:
            wrong.append(f"{file.name}: the name must be WHERE.WHAT.KIND.md")
            continue
        text = file.read_text(encoding="utf-8").strip()
        if match["where"] not in known:
            wrong.append(f"{file.name}: {match['where']!r} is the folder of no distribution")
        if match["kind"] not in KINDS:
            wrong.append(f"{file.name}: {match['kind']!r} is none of {', '.join(KINDS)}")
        if not 10 <= len(text) <= LONGEST:
            wrong.append(f"{file.name}: {len(text)} characters, not 10 to {LONGEST}")
        if text.startswith(("*", "-", "#")) or not text.endswith("."):
            wrong.append(f"{file.name}: write sentences, with neither bullet nor heading")
        if "\n\n" in text:
            wrong.append(f"{file.name}: one paragraph is enough")
        found.append(Fragment(file, match["where"], match["kind"], text))
    return sorted(
        found, key=lambda f: (KINDS.index(f.kind) if f.kind in KINDS else 9, f.file)
    ), wrong


def bullets(fragments: Sequence[Fragment]) -> str:
    """Return the fragments as a list; each says its kind and its distribution."""
    known = folders()
    lines = []
    for one in fragments:
        text = " ".join(one.text.split())
        lines.append(f"* **{one.kind.capitalize()}**, `{known[one.where]}`: {text}")
    return "\n".join(lines)


def heading(version: str, released: Sequence[str]) -> str:
    """Return the heading of a release, without its date."""
    known = folders()
    if set(released) == set(known):
        return f"## {version}"
    return "## " + ", ".join(f"{known[name]} {version}" for name in released)


def gathered(before: str, title: str, date: str, listed: str) -> str:
    """Return the change log with a release's section in it.

    A section that waits as `TITLE (unreleased)` gets the date, and the list at its end.
    """
    waiting = f"{title} (unreleased)"
    if waiting in before:
        head, _, rest = before.partition(waiting)
        body, mark, tail = rest.partition("\n## ")
        return f"{head}{title} ({date}){body.rstrip()}\n{listed}\n" + (
            f"\n## {tail}" if mark else ""
        )
    head, mark, tail = before.partition("\n## ")
    return f"{head.rstrip()}\n\n{title} ({date})\n\n{listed}\n" + (f"\n## {tail}" if mark else "")


def main() -> int:
    """Check, show or gather."""
    parser = argparse.ArgumentParser(description="Gather changelog.d/ into CHANGELOG.md.")
    parser.add_argument("version", nargs="?", help="the version that is released")
    parser.add_argument("names", nargs="*", help="folders of the distributions")
    parser.add_argument("--all", action="store_true", help="every distribution")
    parser.add_argument("--check", action="store_true", help="only look at the fragments")
    parser.add_argument("--draft", action="store_true", help="print, write nothing")
    arguments = parser.parse_intermixed_args()
    fragments, wrong = read()
    if wrong:
        sys.stderr.write("\n".join(wrong) + "\n")
        return 1
    if arguments.check:
        return 0
    names = list(folders()) if arguments.all else arguments.names
    if arguments.draft:
        # Without a version, the first word is a name like the others.
        said = [one for one in (arguments.version, *names) if one in folders()]
        names = said or list(folders())
        sys.stdout.write(bullets([f for f in fragments if f.where in names]) + "\n")
        return 0
    unknown = sorted(set(names) - set(folders()))
    if not arguments.version or not names or unknown:
        parser.error(f"unknown: {', '.join(unknown)}" if unknown else "say VERSION and names")
    kept = [f for f in fragments if f.where in names]
    listed = bullets(kept) or "* No change but in what it is built with."
    date = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    title = heading(arguments.version, names)
    CHANGELOG.write_text(
        gathered(CHANGELOG.read_text(encoding="utf-8"), title, date, listed), encoding="utf-8"
    )
    for one in kept:
        one.file.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
