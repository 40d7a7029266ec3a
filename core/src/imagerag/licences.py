"""Names of licences, compared as people write them and never guessed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache

_GAPS = re.compile(r"[\s_-]+")
_VERSION = re.compile(r"-[0-9]+(?:[.][0-9]+)+\Z")
_CREATIVE_COMMONS = re.compile(
    r"(?:https?://)?(?:www\.)?creativecommons\.org/"
    r"(?:licenses/(?P<terms>[a-z-]+)|publicdomain/(?P<domain>zero|mark))"
    r"/(?P<version>[0-9]+[.][0-9]+)(?:/(?P<country>[a-z]{2,5}))?(?:/(?:deed|legalcode)(?:\.[a-z-]+)?)?/?\Z"
)
_DOMAINS = {"zero": "cc0", "mark": "pdm"}


@lru_cache(maxsize=4096)
def licence_key(name: str) -> str:
    """Return the form in which two names of one licence are equal: "cc-by-4.0".

    Case, and which of spaces, dashes and underscores stand between words, do not count. The address
    of a Creative Commons licence is the name of that licence, as SPDX spells it. Nothing else is
    taken for anything: "Attribution 4.0" stays what it is.
    """
    text = unicodedata.normalize("NFKC", name).casefold().strip()
    address = _CREATIVE_COMMONS.match(text)
    if address is None:
        return _GAPS.sub("-", text).strip("-")
    terms = address["terms"]
    parts = ["cc", terms] if terms else [_DOMAINS[address["domain"]]]
    return "-".join([*parts, address["version"], *filter(None, [address["country"]])])


def licence_allowed(licence: str | None, allowed: Collection[str]) -> bool:
    """Say whether a licence is on a list; an unknown one is on no list.

    A name without a version stands for every version of that very licence: "CC-BY" allows
    "CC-BY-2.0" and "CC-BY-4.0", not "CC-BY-NC-4.0". With one it stands for that version alone.
    """
    if not licence:
        return False
    key = licence_key(licence)
    keys = {licence_key(name) for name in allowed}
    return key in keys or _VERSION.sub("", key) in keys
