"""Answers that list nothing: "none", "nothing is missing", and their like in other languages."""

from __future__ import annotations

import re

from imagerag_chat.reading.languages import LANGUAGES
from imagerag_chat.reading.verdicts import taken_back

_ENGLISH = re.compile(
    r"""(?:there\ (?:is|are)\ |there's\ |i\ (?:see|find)\ )?
        (?:nothing|none|no|not\ any)
        (?:\ (?:at\ all|else|of\ (?:them|these|the\ concepts)))?
        (?:\ (?:missing|additional|further|other|specific|visual|special|lacking|key))*
        (?P<thing>\ (?:concepts?|elements?|objects?|things?|items?|details?|edits?|changes?))?
        (?:\ (?:is|are|was|were|seems?|appears?|needs?|to|be|has|have|been))*
        (?P<lack>\ (?:missing|lacking|absent|needed|necessary|required|change|changed|edit|fix))?
        (?:\ (?:from|in|for|to)\ (?:the|this)\ (?:picture|image|prompt|draft|photo|scene))?
        |(?P<all>all|everything|all\ (?:the\ )?(?:concepts?|elements?|objects?))
        (?:\ (?:in|of|from|mentioned\ in)\ the\ prompt)?
        \ (?:is|are)\ (?:present|there|shown|visible|included|depicted)
        (?:\ in\ (?:the|this)\ (?:picture|image))?
    """,
    re.VERBOSE,
)
_WORDS = {word.casefold() for language in LANGUAGES for word in language.nothing}
_LEAD = re.compile(r"(?:no|nein|non|nee|нет|não)\s*[,:;-]\s+")
_LABEL = re.compile(r"(?:missing|concepts?|edits?|answer|result)(?: [a-z]+)?\s*[:：=]\s*")
_SENTENCE = re.compile(r"[.!。！]\s*")
_ROUND = " \t\n\r.!。！,;:*_#`\"'“”«»()[]"


def says_nothing(text: str) -> bool:
    """Say whether a text names nothing: as a whole, or in a first sentence that settles it.

    A mere "no" does not: what it means depends on the question.
    """
    if len(text) > 400:
        return False
    whole = _plain(text)
    if _names_nothing(whole):
        return True
    if "\n" in text.strip():
        return False
    first, *rest = _SENTENCE.split(whole, maxsplit=1)
    return bool(rest) and _names_nothing(first) and not taken_back(rest[0], LANGUAGES[:1])


def says_nothing_is_missing(text: str) -> bool:
    """Say whether a text says so in several words; "none" alone may answer something else."""
    first = _SENTENCE.split(_plain(text), maxsplit=1)[0].strip(_ROUND)
    return says_nothing(text) and " " in first and _LEAD.match(first) is None


def _plain(text: str) -> str:
    return " ".join(text.replace("’", "'").casefold().split()).strip(_ROUND)


def _names_nothing(text: str) -> bool:
    text = text.strip(_ROUND)
    if label := _LABEL.match(text):
        text = text[label.end() :].strip(_ROUND)
    if lead := _LEAD.match(text):
        text = text[lead.end() :]
    if text in _WORDS:
        return True
    found = _ENGLISH.fullmatch(text)
    return found is not None and (text != "no" and (found["all"] is None or len(text) > 3))
