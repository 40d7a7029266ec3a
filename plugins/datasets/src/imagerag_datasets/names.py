"""Names from tables and archives: which are refused, and how they are shown.

A name is data of a stranger's. It may become part of a path only after `refusal` found nothing in
it, and is shown to people only as `shown` writes it.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath

LONGEST = 1024
"""Most characters of a name; file systems take 255 bytes a part and 4096 a path."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|(?:data|blob|javascript|file):", re.IGNORECASE)

URL = "is a URL, and nothing is fetched; download the images first, then name the files"


def refusal(name: str, *, outside: bool = False) -> str | None:
    """Return why a name is refused, None where it is a plain relative path.

    With `outside`, absolute paths and `..` are allowed; URLs and control characters
    never are.
    """
    if not name or not name.strip():
        return "is an empty name"
    if len(name) > LONGEST:
        return f"has a name of {len(name):,} characters"
    if _URL.match(name):
        return URL
    if not name.isprintable():
        return "has control characters in its name"
    return None if outside else _leaving(name)


def _leaving(name: str) -> str | None:
    if name.startswith(("/", "\\", "~")):
        return "is an absolute path"
    if PureWindowsPath(name).drive or re.match(r"[A-Za-z]:", name):
        return "has a drive in its name"
    if ".." in re.split(r"[/\\]", name):
        return "leads out of the location"
    return None


def plain(name: str) -> str:
    """Return a name that passed `refusal`, with forward slashes and without "." parts."""
    return PurePosixPath(name.replace("\\", "/")).as_posix()


def shown(name: str) -> str:
    """Return a name as it may be shown: printable, on one line, at most 200 characters."""
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name[:250])
    return (text if len(text) <= 200 else text[:199] + "…") or "(no name)"
