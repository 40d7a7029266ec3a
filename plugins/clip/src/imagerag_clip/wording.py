"""Captions from names: the right article, or none."""

from __future__ import annotations

import re

VOWEL = re.compile(r"[aeiou]", re.IGNORECASE)
AS_YOU = re.compile(r"(uni(?![nm])|us[aeiu]|eu|ewe|ufo|uk|one\b|once\b|ut[eio])", re.IGNORECASE)
SILENT_H = re.compile(r"(hour|honest|hono|heir)", re.IGNORECASE)
SPELT = re.compile(r"[AEFHILMNORSX](?:[A-Z0-9]*\b|-)")
"""Words spoken letter by letter whose first letter sounds like a vowel: "an SUV", "an X-ray"."""

DETERMINED = re.compile(
    r"(?:the|an?|this|that|these|those|my|your|his|her|its|our|their|some|many|several|two|three|"
    r"four|five|six|seven|eight|nine|ten|\d+)\b",
    re.IGNORECASE,
)
PLURAL = re.compile(r"\b(?:people|men|women|children|geese|mice|feet|teeth|\w*[^suiao]s)$", re.I)
SINGULAR = frozenset({"lens", "canvas", "news", "series", "species", "christmas", "chess"})
TAIL = re.compile(r"\s+(?:of|with|in|on|at|for|from|and)\s.*$", re.IGNORECASE)
PLACE = re.compile(r"\b(?P<article>[Aa])n?\s+\{name\}")


def article(name: str) -> str:
    """Return "a", "an", or "" where `name` is a plural or has its own determiner."""
    if DETERMINED.match(name):
        return ""
    head = TAIL.sub("", name).rsplit(maxsplit=1)[-1].lower()
    if PLURAL.search(head) and head not in SINGULAR:
        return ""
    if SPELT.match(name) or SILENT_H.match(name):
        return "an"
    return "an" if VOWEL.match(name) and not AS_YOU.match(name) else "a"


def caption(template: str, name: str) -> str:
    """Fill `name` into `template`, where an "a" or "an" before `{name}` takes the right form."""
    place = PLACE.search(template)
    if place is None:
        return template.replace("{name}", name)
    word = article(name)
    if place["article"] == "A":
        word = word.capitalize()
    return template.replace(place.group(), f"{word} {name}".strip())


def singular(word: str) -> str:
    """Return the singular of a lower-case English noun, as its ending suggests it."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
